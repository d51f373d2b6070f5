import { once } from "node:events";
import { expect, it } from "vitest";
import { Client, openClassic, openV1 } from "../support/client.ts";
import { eventually } from "../support/eventually.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { startRelay } from "../support/relay.ts";

it("pings every connection every 25 s and keeps those that answer", async () => {
  const clock = new FakeClock();
  const relay = await startRelay({}, clock);
  const a = await openClassic(relay, "t", "a");

  for (let sweep = 0; sweep < 4; sweep += 1) {
    const pinged = once(a.socket, "ping");
    clock.advance(25_000);
    await pinged;
    await a.settled();
  }

  expect(relay.figures()).toMatchObject({ peers: 1, swept: 0 });
});

it("[TOPIC-14] ends a connection of which nothing was heard for one and a half sweeps, and tells the others", async () => {
  const clock = new FakeClock();
  const relay = await startRelay({}, clock);
  const a = await openClassic(relay, "t", "a");
  const silent = await Client.open(relay);
  silent.send({ type: "join", topic: "t", peerId: "silent" });
  await a.next();
  // What is written has left: what leaves late is a sign of life.
  await silent.settled();
  await a.settled();
  // Reading nothing, it sees no ping, so it sends no pong: a laptop that went to sleep.
  silent.socket.pause();

  // It was heard of when it was first looked after, at 5 s; its ping is written at 25 s.
  clock.advance(25_000);
  await a.settled();
  clock.advance(24_000);
  await a.settled();
  expect(relay.figures().peers).toBe(2);
  clock.advance(1000);

  expect(await a.next()).toEqual({ type: "peer-left", peerId: "silent", topic: "t" });
  expect(relay.figures()).toMatchObject({ peers: 1, swept: 1 });
});

it("takes a message as a sign of life where pongs do not come", async () => {
  const clock = new FakeClock();
  const relay = await startRelay({}, clock);
  const a = await openClassic(relay, "t", "a");
  const deaf = await Client.open(relay);
  deaf.send({ type: "join", topic: "t", peerId: "deaf" });
  await a.next();
  deaf.socket.pause();

  for (let sweep = 0; sweep < 3; sweep += 1) {
    deaf.send({ type: "data", data: "AA==" });
    expect(await a.next()).toMatchObject({ type: "data" });
    clock.advance(30_000);
    await a.settled();
  }

  expect(relay.figures()).toMatchObject({ peers: 2, swept: 0 });
});

it("closes a connection that has not joined within 30 s with 1008, and no other", async () => {
  const clock = new FakeClock();
  const relay = await startRelay({}, clock);
  const early = await Client.open(relay);
  const [joined] = await openV1(relay, "t");
  clock.advance(10_000);
  const late = await Client.open(relay);
  await late.settled();

  clock.advance(20_000);

  expect(await early.closed()).toEqual({ code: 1008, reason: "no join in time" });
  await joined.settled();
  await late.settled();
  clock.advance(10_000);
  expect(await late.closed()).toMatchObject({ code: 1008 });
  await eventually(() => expect(relay.figures().connections).toBe(1));
});

it("closes a connection that pings and does not join all the same", async () => {
  const clock = new FakeClock();
  const relay = await startRelay({}, clock);
  const client = await Client.openV1(relay);

  for (let ref = 0; ref < 3; ref += 1) {
    client.send({ type: "ping", ref });
    expect(await client.next()).toEqual({ type: "pong", ref });
    clock.advance(10_000);
  }

  expect(await client.closed()).toEqual({ code: 1008, reason: "no join in time" });
});

it("does not let a connection join that is being closed for not having joined", async () => {
  const clock = new FakeClock();
  const relay = await startRelay({}, clock);
  const client = await Client.open(relay);
  await client.settled();

  clock.advance(31_000);
  client.send({ type: "join", topic: "t" });

  await client.closed();
  expect(relay.figures()).toMatchObject({ topics: 0, peers: 0 });
});

it("logs topic statistics every 5 minutes, with topics by hash, largest first", async () => {
  const clock = new FakeClock();
  const relay = await startRelay({ sweepIntervalMs: 600_000 }, clock);
  const a = await openClassic(relay, "secret-topic", "a");
  await openClassic(relay, "secret-topic", "b");
  await openClassic(relay, "other-secret", "c");
  a.send({ type: "data", data: "AAAA" });
  await a.settled();

  clock.advance(300_000);

  const report = relay.logLines().find(({ msg }) => msg === "topic statistics");
  expect(report).toMatchObject({ topics: 2, peers: 3, connections: 3, messages: 1, bytes: 4 });
  expect(report?.["largest"]).toEqual([
    { topic: expect.stringMatching(/^[0-9a-f]{12}$/), members: 2, messages: 1, bytes: 4 },
    { topic: expect.stringMatching(/^[0-9a-f]{12}$/), members: 1, messages: 0, bytes: 0 },
  ]);
  expect(JSON.stringify(relay.logLines())).not.toContain("secret");
});
