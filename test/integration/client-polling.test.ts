import { expect, it, onTestFinished } from "vitest";
import { connect } from "../../client/node.ts";
import type { ConnectOptions, Relay } from "../../client/relay.ts";
import type { Topic } from "../../client/topic.ts";
import { eventually } from "../support/eventually.ts";
import { startRelay } from "../support/relay.ts";
import { tokenOptions } from "../support/tokens.ts";
import { type ProxyHabits, type Upgrades, WayProxy } from "../support/way-proxy.ts";

const RECONNECT = { minDelayMs: 20, maxDelayMs: 200 };

/** A relay with one member by its WebSocket, and a proxy in front of it for the others. */
async function scene(upgrades: Upgrades, habits: ProxyHabits = {}) {
  const relay = await startRelay({ tls: "off" });
  const proxy = await WayProxy.to(relay.port, upgrades, habits);
  const direct = await join(open(`ws://127.0.0.1:${relay.port}`));
  return { relay, proxy, direct };
}

function open(url: string, options: ConnectOptions = {}): Relay {
  const relay = connect(url, { reconnect: RECONNECT, ...options });
  onTestFinished(() => relay.close());
  return relay;
}

async function join(relay: Relay): Promise<{ relay: Relay; topic: Topic; texts: string[] }> {
  const topic = await relay.join("t", { public: true });
  const texts: string[] = [];
  void (async () => {
    for await (const { text } of topic.messages()) texts.push(text);
  })();
  return { relay, topic, texts };
}

it.each([
  ["takes the upgrade out", "strip", {}],
  ["answers the upgrade with a page", "refuse", {}],
  ["accepts the upgrade and swallows the rest", "swallow", {}],
  ["never answers the upgrade", "ignore", {}],
  ["takes the upgrade out and holds answers back until they are whole", "strip", { isBuffering: true }],
  ["takes the upgrade out and repeats what is posted", "strip", { copies: 3 }],
] as const)("gets through a proxy that %s, within 3.5 s, each message once", async (_name, upgrades, habits) => {
  const { proxy, direct } = await scene(upgrades, habits);
  const beganMs = performance.now();

  const behind = await join(open(proxy.url));
  await behind.topic.broadcast("from behind");
  await eventually(() => expect(direct.texts).toEqual(["from behind"]));
  const tookMs = performance.now() - beganMs;
  await direct.topic.broadcast("from outside");
  await eventually(() => expect(behind.texts).toEqual(["from outside"]));
  for (let count = 0; count < 50; count += 1) await behind.topic.broadcast(`${count}`);
  await eventually(() => expect(direct.texts).toHaveLength(51));

  expect(tookMs).toBeLessThan(3500);
  expect(behind.relay.info.transport).toBe("polling");
  expect(direct.texts.slice(1)).toEqual(Array.from({ length: 50 }, (_, index) => String(index)));
});

it("stays with a WebSocket where it gets through, and polls nothing", async () => {
  const { proxy } = await scene("pass");

  const behind = await join(open(proxy.url));

  expect(behind.relay.info.transport).toBe("websocket");
  expect(proxy.counts).toEqual({ upgrades: 1, polls: 0, uploads: 0 });
});

it("remembers what worked: the next time it polls at once", async () => {
  const { proxy, direct } = await scene("ignore");
  const behind = await join(open(proxy.url));
  const { upgrades } = proxy.counts;

  const beganMs = performance.now();
  proxy.cut();
  await direct.topic.broadcast("still there?");
  await eventually(() => expect(behind.texts).toEqual(["still there?"]));

  expect(performance.now() - beganMs).toBeLessThan(3000);
  expect(proxy.counts.upgrades).toBe(upgrades);
});

it("uses what the app allows, and nothing else", async () => {
  const { proxy } = await scene("strip");
  const never = open(proxy.url, { transports: ["websocket"] });
  const errors: unknown[] = [];
  never.on("error", (error) => errors.push(error));

  const always = await join(open((await scene("pass")).proxy.url, { transports: ["polling"] }));
  await eventually(() => expect(errors.length).toBeGreaterThan(0));

  expect(always.relay.info.transport).toBe("polling");
  expect(never.info.transport).toBeUndefined();
  expect(proxy.counts.uploads).toBe(0);
  expect(() => connect("ws://localhost", { transports: [] })).toThrow(/option-invalid|transports/);
});

it("takes the relay's own no for one, and does not ask again by a poll", async () => {
  const relay = await startRelay({ tls: "off", ...(await tokenOptions()) });
  const proxy = await WayProxy.to(relay.port, "pass");
  const client = open(proxy.url, { token: "nonsense" });

  await eventually(() => expect(client.state).toBe("closed"));

  expect(proxy.counts.uploads).toBe(0);
});

it("learns to ask for less where the network cuts a poll that waits", async () => {
  const { proxy, direct } = await scene("strip", { cutIdleMs: 3500 });
  const behind = await join(open(proxy.url));

  await new Promise((resolve) => setTimeout(resolve, 5000));
  await direct.topic.broadcast("after the cut");
  await eventually(() => expect(behind.texts).toEqual(["after the cut"]));

  expect(behind.relay.state).toBe("connected");
});

it("comes back after a restart of the relay, and loses nothing", async () => {
  const { relay, proxy, direct } = await scene("strip");
  const behind = await join(open(proxy.url));
  await direct.topic.broadcast("before");
  await eventually(() => expect(behind.texts).toEqual(["before"]));

  await relay.stop();
  await startRelay({ tls: "off", port: relay.port });
  await direct.topic.broadcast("after");

  await eventually(() => expect(behind.texts).toEqual(["before", "after"]));
});

it("polls over TLS with the trust of the WebSocket, pinned or not", async () => {
  const relay = await startRelay();
  const trusted = await join(open(relay.url, { transports: ["polling"], tls: { ca: relay.certificate } }));
  const distrusting = open(relay.url, { transports: ["polling"], tls: { fingerprint: "00".repeat(32) } });
  const errors: string[] = [];
  distrusting.on("error", (error) => errors.push(String(error.cause)));

  await eventually(() => expect(errors.join()).toContain("another certificate than the pinned one"));

  expect(trusted.relay.info.transport).toBe("polling");
  expect(relay.figures().connections).toBe(1);
});
