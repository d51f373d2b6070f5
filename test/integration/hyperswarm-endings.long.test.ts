import type NoiseSecretStream from "@hyperswarm/secret-stream";
import { describe, expect, it, onTestFinished } from "vitest";
import { RelayDHT } from "../../client/node-hyperswarm.ts";
import { freePort } from "../../scripts/loopback/free-port.ts";
import { eventually } from "../support/eventually.ts";
import { Way } from "../support/line-scene.ts";
import { startRelay } from "../support/relay.ts";
import { newTopic, TestSwarm } from "../support/swarms.ts";

/** Longer than the goodbye to a relay that does not answer may take: 2 s for what was sent, and 2 s for the answer. */
const MAX_ENDING_MS = 6000;

/** Two connected swarms, of which one reaches the relay by a way that can be closed. */
async function scene() {
  const relay = await startRelay({ tls: "off" });
  const way = await Way.to(relay.port);
  const anna = new TestSwarm({ ...relay, url: `ws://localhost:${way.port}` });
  const bert = new TestSwarm(relay);
  const topic = newTopic();
  anna.swarm.join(topic);
  bert.swarm.join(topic);
  await eventually(() => expect([anna.connectedKeys, bert.connectedKeys]).toEqual([[bert.key], [anna.key]]));
  return { relay, way, anna, bert, topic };
}

/** In which ends have heard what no event tells: who is in a topic, that a connection is cut. */
async function settling(): Promise<void> {
  await new Promise((resolve) => {
    setTimeout(resolve, 500);
  });
}

async function durationOf(task: Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await task;
  return performance.now() - startMs;
}

describe("a swarm ends within seconds", () => {
  it.each(["there", "gone", "silent"] as const)("while the relay is %s", async (state) => {
    const { relay, way, anna, topic } = await scene();
    if (state === "gone") await relay.stop();
    if (state === "silent") way.block();
    anna.swarm.join(newTopic());

    const leftMs = await durationOf(anna.swarm.leave(topic));
    const destroyedMs = await durationOf(anna.swarm.destroy());

    expect(leftMs).toBeLessThan(MAX_ENDING_MS);
    expect(destroyedMs).toBeLessThan(MAX_ENDING_MS);
    expect(anna.connectedKeys).toEqual([]);
  });

  it.each(["gone", "silent"] as const)(
    "and is suspended, while the relay is %s; it is back with the relay",
    async (state) => {
      const { relay, way, anna, bert } = await scene();
      if (state === "gone") await relay.stop();
      if (state === "silent") way.block();

      const suspendedMs = await durationOf(anna.swarm.suspend());
      if (state === "gone") await startRelay({ tls: "off", port: relay.port });
      way.cut();
      way.unblock();
      const resumedMs = await durationOf(anna.swarm.resume());

      expect(suspendedMs).toBeLessThan(MAX_ENDING_MS);
      expect(resumedMs).toBeLessThan(1000);
      await eventually(() => expect(anna.connectedKeys).toEqual([bert.key]));
      // Said again on each connection that there is: the first may be one of two, of which the swarms keep the other.
      await eventually(() => {
        anna.say("back");
        expect(bert.heard).toContain("back");
      });
    },
  );

  it("where it never reached a relay", async () => {
    const swarm = new TestSwarm({ ...(await startRelay({ tls: "off" })), url: "ws://localhost:1" });
    const topic = newTopic();
    swarm.swarm.join(topic);
    swarm.swarm.joinPeer(RelayDHT.keyPair().publicKey);

    expect(await durationOf(swarm.swarm.leave(topic))).toBeLessThan(MAX_ENDING_MS);
    expect(await durationOf(swarm.swarm.destroy())).toBeLessThan(MAX_ENDING_MS);
  });
});

it("connects nobody while it is suspended, and everybody afterwards", async () => {
  const { anna, bert } = await scene();

  await anna.swarm.suspend();
  await eventually(() => expect(bert.connectedKeys).toEqual([]));
  const connection = anna.swarm.dht.connect(bert.swarm.keyPair.publicKey);
  const error = await new Promise<Error & { code?: string }>((resolve) => connection.on("error", resolve));
  await anna.swarm.resume();

  expect(error.code).toBe("SUSPENDED");
  await eventually(() => expect(bert.connectedKeys).toEqual([anna.key]));
});

it("ends the connection with a peer that is away for longer than the grace, and is connected with it when it is back", async () => {
  const { way, anna, bert } = await scene();

  way.block();
  way.cut();
  await eventually(() => expect(bert.connectedKeys).toEqual([]));
  way.cut();
  way.unblock();

  await eventually(() => expect(anna.connections.length).toBe(2));
  await eventually(() => expect([anna.connectedKeys, bert.connectedKeys]).toEqual([[bert.key], [anna.key]]));
  expect(bert.failures.map((error) => Reflect.get(error, "code"))).toEqual(["ETIMEDOUT"]);
});

it.each(["larger", "smaller"] as const)(
  "takes a peer at once that has started anew with the %s key, while bytes never went by its old connection",
  async (which) => {
    const relay = await startRelay({ tls: "off" });
    const way = await Way.to(relay.port);
    const keyPairs = [RelayDHT.keyPair(), RelayDHT.keyPair()].toSorted((one, other) =>
      Buffer.compare(one.publicKey, other.publicKey),
    );
    const [keyPair, bertsKeyPair] = which === "smaller" ? keyPairs : keyPairs.toReversed();
    const before = new TestSwarm({ ...relay, url: `ws://localhost:${way.port}` }, { keyPair });
    const bert = new TestSwarm(relay, { keyPair: bertsKeyPair, connectionKeepAlive: 0 });
    bert.swarm.joinPeer(Buffer.from(before.key, "hex"));
    for (const { swarm } of [before, bert]) await swarm.listen();
    await eventually(() => expect([before.connectedKeys, bert.connectedKeys]).toEqual([[bert.key], [before.key]]));

    way.block();
    way.cut();
    const after = new TestSwarm(relay, { keyPair });
    after.swarm.joinPeer(Buffer.from(bert.key, "hex"));
    const connectedMs = await durationOf(eventually(() => expect(after.connectedKeys).toEqual([bert.key])));

    expect(connectedMs).toBeLessThan(3000);
    await eventually(() => {
      after.say("again");
      expect(bert.heard).toContain("again");
    });
    expect(after.failures).toEqual([]);
    expect(bert.failures).toEqual([expect.objectContaining({ code: "ETIMEDOUT" })]);
  },
);

it("takes a peer again whose old connection both have ended, and leaves that to who still reads it", async () => {
  const relay = await startRelay({ tls: "off" });
  const [here, there] = [new RelayDHT({ relays: relay.url }), new RelayDHT({ relays: relay.url })];
  for (const dht of [here, there]) onTestFinished(() => dht.destroy());
  const taken: NoiseSecretStream[] = [];
  const server = here.createServer((connection) => {
    taken.push(connection);
    connection.end(Buffer.from("welcome"));
  });
  await server.listen();
  const connectAndEnd = (): void => {
    const connection = there.connect(here.defaultKeyPair.publicKey);
    connection.resume();
    connection.end(Buffer.from("last words"));
  };

  connectAndEnd();
  await eventually(() => expect(taken[0]?.rawStream).toMatchObject({ destroyed: true }));
  connectAndEnd();
  await eventually(() => expect(taken.length).toBe(2));

  const heard: string[] = [];
  taken[0]?.on("data", (data) => heard.push(String(data)));
  await eventually(() => expect(heard).toEqual(["last words"]));
});

it("keeps the connection by a relay that is gone for a moment, where its peer dials once more by another relay", async () => {
  const way = await Way.to((await startRelay({ tls: "off" })).port);
  const port = await freePort();
  const relays = [`ws://localhost:${way.port}`, `ws://localhost:${port}`];
  const [anna, bert] = [0, 1].map(() => new RelayDHT({ relays, reconnect: { minDelayMs: 20, maxDelayMs: 100 } }));
  for (const dht of [anna, bert]) onTestFinished(() => dht?.destroy());
  const accepted: NoiseSecretStream[] = [];
  const server = bert?.createServer((connection) => {
    accepted.push(connection);
    connection.on("error", () => undefined);
  });
  await server?.listen();
  const dial = () => anna?.connect(bert?.defaultKeyPair.publicKey ?? new Uint8Array());
  dial()?.on("error", () => undefined);
  await eventually(() => expect(accepted.length).toBe(1));
  const other = await startRelay({ tls: "off", port });
  await eventually(() => expect(other.figures()).toMatchObject({ peers: 2 }));
  await settling();
  way.block();
  way.cut();
  await settling();
  dial();
  const dialledMs = await durationOf(eventually(() => expect(accepted.length).toBe(2)));

  expect(dialledMs).toBeLessThan(3000);
  expect(accepted.map(({ destroying }) => destroying)).toEqual([false, false]);
});

it("tells why a relay is of no use", async () => {
  const relay = await startRelay({ tls: "off" });
  const dht = new RelayDHT({ relays: `${relay.url}/no-such-path` });
  onTestFinished(() => dht.destroy());

  const error = await new Promise((resolve) => dht.once("relay-error", resolve));

  expect(error).toMatchObject({ code: expect.any(String), remedy: expect.any(String) });
  expect(dht.online).toBe(false);
});

it.each([
  [{ relays: [] }, "option-invalid"],
  [{ relays: ["ws://a", "ws://b", "ws://c", "ws://d"] }, "option-invalid"],
  [{ relays: "http://a" }, "address-invalid"],
  [{ relays: "ws://a", secret: "short" }, "secret-invalid"],
  [{ relays: "ws://a", keyPair: { publicKey: new Uint8Array(31) } }, "option-invalid"],
  [{ relays: "ws://a", connectionKeepAlive: -1 }, "option-invalid"],
] as const)("refuses options that are none (%#)", (options, code) => {
  expect(() => new RelayDHT(options)).toThrow(expect.objectContaining({ code }));
});
