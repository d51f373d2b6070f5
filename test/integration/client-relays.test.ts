import { once } from "node:events";
import { expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { connect } from "../../client/node.ts";
import type { ConnectOptions, Relay } from "../../client/relay.ts";
import { streamsOf } from "../../client/streams.ts";
import type { Topic } from "../../client/topic.ts";
import { eventually } from "../support/eventually.ts";
import { Way } from "../support/line-scene.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";
import { readAll, writeAll } from "../support/topic-pair.ts";

const SECRET = Buffer.alloc(32, "relays").toString("base64url");
const OPTIONS: ConnectOptions = { reconnect: { minDelayMs: 20, maxDelayMs: 200 } };

function connected(relays: Parameters<typeof connect>[0], options: ConnectOptions = OPTIONS): Relay {
  const client = connect(relays, options);
  onTestFinished(() => client.close());
  return client;
}

function plainRelays(count: number): Promise<TestRelay[]> {
  return Promise.all(Array.from({ length: count }, () => startRelay({ tls: "off" })));
}

/** Ways to relays, which can be cut and blocked: one for each member and relay. */
async function waysTo(relays: readonly TestRelay[]): Promise<{ ways: Way[]; urls: string[] }> {
  const ways = await Promise.all(relays.map(({ port }) => Way.to(port)));
  return { ways, urls: ways.map(({ port }) => `ws://127.0.0.1:${port}`) };
}

/** What a topic has told of its peers. */
function comings(topic: Topic): string[] {
  const seen: string[] = [];
  topic.on("join", ({ id }) => seen.push(`join ${id}`));
  topic.on("leave", ({ id }) => seen.push(`leave ${id}`));
  return seen;
}

async function met(...topics: readonly Topic[]): Promise<void> {
  await eventually(() => expect(topics.map(({ peers }) => peers.size)).toEqual(topics.map(() => topics.length - 1)));
}

async function allConnected(...clients: readonly Relay[]): Promise<void> {
  await eventually(() => {
    for (const { relays } of clients) expect(relays.map(({ state }) => state)).toEqual(relays.map(() => "connected"));
  });
}

it.each(["public", "sealed"])("is in a %s topic on two relays, and when one is gone nobody sees it", async (kind) => {
  const relays = await plainRelays(2);
  const { ways, urls } = await waysTo(relays);
  const clients = [connected(urls), connected(urls)] as const;
  const asked = kind === "sealed" ? { secret: SECRET } : "topic";
  const [anna, bert] = await Promise.all([
    clients[0].join(asked, { public: true }),
    clients[1].join(asked, { public: true }),
  ]);
  await met(anna, bert);
  await allConnected(...clients);
  const states: string[] = [];
  clients[0].on("state", (state) => states.push(state));
  const seen = [comings(anna), comings(bert)];
  const texts: string[] = [];
  bert.on("message", ({ text }) => texts.push(text));

  for (let number = 0; number < 30; number += 1) {
    await anna.broadcast(`${number}`);
    await anna.send(bert.self.id, `${number}`);
    if (number === 10) {
      ways[0]?.block();
      ways[0]?.cut();
    }
  }
  await anna.flush();

  expect(texts.filter((_, index) => index >= 0).toSorted()).toEqual(
    Array.from({ length: 60 }, (_, index) => `${Math.floor(index / 2)}`).toSorted(),
  );
  expect([seen, states]).toEqual([[[], []], []]);
  expect(clients[0].state).toBe("connected");
  expect(clients[0].relays.map(({ state }) => state).toSorted()).toEqual(["connected", "reconnecting"]);
  expect(clients[0].info.address).toBe(urls[1]);
});

it("keeps a stream when its relay dies, and answers requests", async () => {
  const relays = await plainRelays(2);
  const { ways, urls } = await waysTo(relays);
  const clients = [connected(urls), connected(urls)] as const;
  const [anna, bert] = await Promise.all([clients[0].join({ secret: SECRET }), clients[1].join({ secret: SECRET })]);
  await met(anna, bert);
  await allConnected(...clients);
  bert.onRequest(({ text }) => text.toUpperCase());
  streamsOf(bert).onStream(async ({ readable, writable }) => {
    await writeAll(writable, `${(await readAll(readable)).length}`);
  });
  const stream = await streamsOf(anna).open(bert.self, "echo");

  const writer = stream.writable.getWriter();
  for (let piece = 0; piece < 40; piece += 1) {
    await writer.write(new Uint8Array(50_000));
    if (piece === 10) ways[0]?.cut();
    if (piece === 25) {
      ways[1]?.block();
      ways[1]?.cut();
    }
  }
  await writer.close();
  const length = Buffer.from(await readAll(stream.readable)).toString();

  expect(length).toBe("2000000");
  expect(Buffer.from(await anna.request(bert.self, "asked")).toString()).toBe("ASKED");
});

it("is on the next line before the relay closes the last, and nobody sees it", async () => {
  const [last, next] = await Promise.all([
    startRelay({ tls: "off", drainTimeoutMs: 6000 }),
    startRelay({ tls: "off" }),
  ]);
  const way = await Way.to(last.port);
  // A stop is spread over as many milliseconds as there are connections, times five.
  const others = Array.from({ length: 200 }, () => new WebSocket(`ws://127.0.0.1:${last.port}`, "postern.v1"));
  for (const other of others) other.on("error", () => undefined);
  await Promise.all(others.map((other) => once(other, "open")));
  const url = `ws://127.0.0.1:${way.port}`;
  const clients = [connected(url), connected(url)] as const;
  const [anna, bert] = await Promise.all(clients.map((client) => client.join({ secret: SECRET })));
  if (anna === undefined || bert === undefined) throw new Error("two have joined");
  await met(anna, bert);
  const states: string[] = [];
  for (const client of clients) client.on("state", (state) => states.push(state));
  const seen = [comings(anna), comings(bert)];
  const texts: string[] = [];
  bert.on("message", ({ text }) => texts.push(text));

  way.lead(next.port);
  const stopped = last.stop();
  for (let number = 0; number < 150; number += 1) {
    await anna.broadcast(`${number}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await anna.flush();
  await stopped;

  expect(texts).toEqual(Array.from({ length: 150 }, (_, number) => `${number}`));
  expect([seen, states]).toEqual([[[], []], []]);
  expect(clients[0].relays).toHaveLength(1);
});

it.each(["one after the other", "all at once"])("opens more connections for more topics: %s", async (how) => {
  const relay = await startRelay({ tls: "off", maxTopicsPerConnection: 5 });
  const names = Array.from({ length: 12 }, (_, index) => `topic-${index}`);
  const clients = [connected(relay.url), connected(relay.url)] as const;
  const joinAll = async (client: Relay): Promise<Topic[]> => {
    if (how === "all at once") return Promise.all(names.map((name) => client.join(name, { public: true })));
    const topics: Topic[] = [];
    for (const name of names) topics.push(await client.join(name, { public: true }));
    return topics;
  };
  const [annas, berts] = (await Promise.all(clients.map(joinAll))) as [Topic[], Topic[]];

  await eventually(() => expect(annas.map(({ peers }) => peers.size)).toEqual(names.map(() => 1)));
  const texts: string[] = [];
  for (const topic of berts) topic.on("message", ({ text }) => texts.push(text));
  await Promise.all(annas.map((topic) => topic.broadcast(topic.name)));
  await Promise.all(annas.map((topic) => topic.flush()));

  expect(texts.toSorted()).toEqual(names.toSorted());
  expect(relay.figures().connections).toBe(6);
  expect(clients[0].relays).toHaveLength(1);
});

it("uses the first three that it reaches; a spare one stands in until a listed one is back", async () => {
  const relays = await plainRelays(4);
  const { ways, urls } = await waysTo(relays);
  const client = connected(urls);
  const topic = await client.join("topic", { public: true });
  const inUse = (): string[] =>
    client.relays.filter(({ state }) => state === "connected").map(({ address }) => address);

  await eventually(() => expect(inUse()).toEqual(urls.slice(0, 3)));
  ways[1]?.block();
  ways[1]?.cut();
  await eventually(() => expect(inUse()).toEqual([urls[0], urls[2], urls[3]]));
  await eventually(() => expect(relays.map((relay) => relay.figures().topics)).toEqual([1, 0, 1, 1]));
  ways[1]?.unblock();
  await eventually(() => expect(inUse()).toEqual(urls.slice(0, 3)));

  await eventually(() => expect(relays.map((relay) => relay.figures().topics)).toEqual([1, 1, 1, 0]));
  expect(topic.peers.size).toBe(0);
});

it("asks where the relays are until it is told, and says what it was warned of", async () => {
  const [relay] = (await plainRelays(1)) as [TestRelay];
  const errors: string[] = [];
  let asked = 0;
  const client = connected(async () => {
    asked += 1;
    if (asked === 1) throw new Error("the list is away");
    return asked === 2 ? ["https://no.relay.example"] : [relay.url];
  });
  client.on("error", ({ code, message }) => errors.push(`${code} ${message}`));

  const topic = await client.join("topic", { public: true });
  const plain = await client.join("plain", { plain: true });

  expect(errors.map((error) => error.split(" ")[0])).toEqual(["unreachable", "address-invalid"]);
  expect(errors[0]).toContain("the list is away");
  expect([topic.name, plain.name]).toEqual(["topic", "plain"]);
  expect(client.relays.map(({ address }) => address)).toEqual([relay.url]);
});

it("is closed when all its relays have refused it for good, and not before", async () => {
  const [open] = (await plainRelays(1)) as [TestRelay];
  const client = connected([open.url, "ws://127.0.0.1:1"]);
  await client.join("topic", { public: true });

  await client.close();

  expect(client.state).toBe("closed");
  expect(client.relays.map(({ state }) => state)).toEqual(["closed", "closed"]);
  await expect(client.join("another")).rejects.toMatchObject({ code: "closed" });
});

it("refuses a list that cannot be", () => {
  expect(() => connect([])).toThrow("1 to 64 addresses");
  expect(() => connect(["wss://localhost", "https://localhost"])).toThrow("wss://");
});
