import { pino } from "pino";
import { expect, it, onTestFinished } from "vitest";
import { systemClock } from "../../relay/clock.ts";
import { createDialects } from "../../relay/dialects/all.ts";
import { Reception } from "../../relay/entrance/reception.ts";
import { Connections } from "../../relay/session/connections.ts";
import { Dialects } from "../../relay/session/dialects.ts";
import type { Applicant, Dialect } from "../../relay/session/ports.ts";
import { Client, openV1, type Received } from "../support/client.ts";
import { eventually } from "../support/eventually.ts";
import { MemoryLink } from "../support/memory-link.ts";
import { noVisit } from "../support/no-visit.ts";
import { decodeFrames } from "../support/raw-socket.ts";
import { startRelay } from "../support/relay.ts";
import { FakeConnection } from "../support/session-connection.ts";

/** A relay, and a way into its topics without a socket: what a second link adds to the entrance is the last line. */
async function startWithMemoryLinks() {
  let all: readonly Dialect[] = [];
  const relay = await startRelay({}, undefined, {
    createDialects: (parts, names) => {
      all = createDialects(parts, names);
      return all;
    },
  });
  const left: Applicant[] = [];
  const told: string[] = [];
  const connections = new Connections(systemClock, {
    sweepIntervalMs: 30_000,
    pingIntervalMs: 30_000,
    joinTimeoutMs: 30_000,
  });
  const reception = new Reception({
    clock: systemClock,
    log: pino({ level: "silent" }),
    connections,
    admission: { left: (applicant) => void left.push(applicant) },
    accessLog: {
      connected: ({ client }) => void told.push(`connected ${client}`),
      closed: (_facts, { closeCode }) => void told.push(`closed ${closeCode}`),
      refused: () => undefined,
      joined: (_facts, topicName) => void told.push(`joined ${topicName}`),
      left: (_facts, topicName) => void told.push(`left ${topicName}`),
    },
  });

  function open(subprotocol: string): MemoryLink {
    const { asked, dialects } = new Dialects(all).claiming({ path: "/", host: "localhost", port: undefined });
    const [first, ...others] = dialects;
    if (first === undefined) throw new Error("no dialect claims /");
    const { access } = new FakeConnection();
    const link = new MemoryLink(systemClock, { closeTimeoutMs: 1000, stalledReaderTimeoutMs: 60_000 });
    onTestFinished(() => link.terminate());
    const applicant = { clientAddress: "127.0.0.1", isOverRate: false, visit: noVisit };
    const opening = { ...asked, subprotocol, query: "", authorization: "" };
    const candidates = [first, ...others] as const;
    reception.open({ link, access, applicant, requestId: "memory", opening, candidates }, Buffer.alloc(0));
    return link;
  }
  return { relay, connections, left, told, open };
}

/** The messages in all that waits for a peer. */
function taken(link: MemoryLink): Received[] {
  return decodeFrames(link.take()).map(({ payload }) => JSON.parse(payload.toString()) as Received);
}

it("brings members over both kinds of link into one topic, with the same messages", async () => {
  const { relay, open, told } = await startWithMemoryLinks();
  const [socket, joined] = await openV1(relay, "t", "socket");
  const memory = open("postern.v1");

  memory.say(JSON.stringify({ type: "join", topic: "t", peerId: "memory" }));
  const [welcome] = taken(memory);
  expect(await socket.next()).toMatchObject({ type: "peer-joined", peerId: "memory" });
  memory.say(JSON.stringify({ type: "data", topic: "t", data: "from memory" }));
  expect(await socket.next()).toMatchObject({ type: "data", peerId: "memory", data: "from memory" });
  socket.send({ type: "data", topic: "t", data: "from the socket" });
  await socket.settled();

  expect(welcome).toMatchObject({ type: "joined", members: [{ peerId: "socket" }] });
  expect(taken(memory)).toMatchObject([{ type: "data", peerHandle: joined["peerHandle"], data: "from the socket" }]);
  expect(relay.figures().peers).toBe(2);
  expect(told).toEqual(["connected postern.v1", "joined t"]);
});

it("gives both kinds of link the very same frames", async () => {
  const { relay, open } = await startWithMemoryLinks();
  const [reader] = await openV1(relay, "t", "reader");
  const memory = open("postern.v1");
  memory.say(JSON.stringify({ type: "join", topic: "t" }));
  await reader.next();
  const [sender] = await openV1(relay, "t", "sender");
  memory.take();

  sender.send({ type: "data", topic: "t", data: "for both" });
  await reader.take(2);

  const body = memory.take();
  expect(decodeFrames(body).map(({ payload }) => payload.toString())).toEqual([reader.texts.at(-1)]);
});

it("tells the others when such a member leaves, and gives back what it had once", async () => {
  const { relay, open, left, told, connections } = await startWithMemoryLinks();
  const [socket] = await openV1(relay, "t", "socket");
  const memory = open("");
  memory.say(JSON.stringify({ type: "join", topic: "t", peerId: "memory" }));
  await socket.next();

  memory.vanish();
  memory.vanish();

  expect(await socket.next()).toMatchObject({ type: "peer-left", peerId: "memory" });
  expect([connections.count, left.length]).toEqual([0, 1]);
  expect(told).toEqual(["connected classic", "joined t", "closed 1006"]);
});

it("drains such a link like the others: announced, then closed with 1012", async () => {
  const { open, connections, told } = await startWithMemoryLinks();
  const memory = open("postern.v1");
  memory.say(JSON.stringify({ type: "join", topic: "t" }));
  memory.take();

  const drained = connections.drain(1000);
  const frames = decodeFrames(memory.take());
  await drained;

  expect(JSON.parse(frames[0]?.payload.toString() ?? "")).toMatchObject({ type: "restarting" });
  expect(frames[1]?.payload.readUInt16BE()).toBe(1012);
  expect(told.at(-1)).toBe("closed 1012");
});

it("makes the senders of a topic wait for such a member as for any other", async () => {
  const { relay, open } = await startWithMemoryLinks();
  const memory = open("postern.v1");
  memory.say(JSON.stringify({ type: "join", topic: "t" }));
  const sender = await Client.openV1(relay);
  sender.send({ type: "join", topic: "t" });
  await sender.next();
  const data = "x".repeat(100_000);

  for (let count = 0; count < 40; count += 1) sender.send({ type: "data", topic: "t", data });
  await eventually(() => expect(relay.figures().pauses).toBeGreaterThan(0));
  const waitingBytes = memory.bufferedBytes;
  const received: Received[] = [];
  await eventually(() => {
    received.push(...taken(memory));
    expect(received.filter(({ type }) => type === "data")).toHaveLength(40);
  });

  expect(waitingBytes).toBeLessThan(40 * data.length);
});
