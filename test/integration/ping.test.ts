import { expect, it } from "vitest";
import { Client, openClassic, openV1 } from "../support/client.ts";
import { eventually } from "../support/eventually.ts";
import { startRelay } from "../support/relay.ts";
import { token as makeToken, tokenOptions } from "../support/tokens.ts";

const PAD = "x".repeat(32_768);
/** Nobody is judged while these tests look. */
const PATIENT = { stalledReaderTimeoutMs: 120_000, slowReaderTimeoutMs: 120_000, sweepIntervalMs: 120_000 };

it("answers a member's ping with its ref and its pad, and tells nobody else", async () => {
  const relay = await startRelay();
  const [member] = await openV1(relay, "t", "member");
  const [other] = await openV1(relay, "t", "other");
  const classic = await openClassic(relay, "t", "classic");
  await member.take(2);
  await other.next();
  await classic.take(2);

  for (const message of [{}, { ref: 7 }, { pad: "" }, { pad: "é\u0000\u2028", ref: 0 }, { pad: PAD, ref: 1 }]) {
    member.send({ type: "ping", ...message });

    expect(await member.next()).toEqual({ type: "pong", ...message });
  }
  await other.expectNothing();
  await classic.expectNothing();
});

it("takes a ping of 48 KiB that is all escapes, whose pong is shorter", async () => {
  const relay = await startRelay();
  const [member] = await openV1(relay, "t", "member");
  const start = '{"type":"ping","pad":"';
  const pad = "\\u0061".repeat(Math.floor((49_152 - start.length - 2) / 6));

  member.send(`${start}${pad}"}`);

  expect(await member.next()).toEqual({ type: "pong", pad: "a".repeat(pad.length / 6) });
});

it("answers a ping before the first join if it has no pad, and after a leave also with one", async () => {
  const relay = await startRelay();
  const client = await Client.openV1(relay);

  client.send({ type: "ping", ref: 1 });
  client.send({ type: "ping", ref: 2, pad: "x" });
  client.send({ type: "ping", ref: 3, pad: "" });
  client.send({ type: "join", topic: "t", peerId: "p" });
  client.send({ type: "leave", topic: "t" });
  client.send({ type: "ping", ref: 4, pad: "x" });

  expect(await client.take(6)).toEqual([
    { type: "pong", ref: 1 },
    { type: "error", code: "not-joined", payload: "Join the topic first", ref: 2 },
    { type: "error", code: "not-joined", payload: "Join the topic first", ref: 3 },
    expect.objectContaining({ type: "joined" }),
    expect.objectContaining({ type: "peer-left" }),
    { type: "pong", ref: 4, pad: "x" },
  ]);
});

it("answers a ping before a grant if it has no pad, and turns away one that has", async () => {
  const relay = await startRelay(await tokenOptions());
  const client = await Client.openV1(relay);

  client.send({ type: "ping", ref: 1 });
  client.send({ type: "ping", ref: 2, pad: "x" });

  expect(await client.take(2)).toEqual([
    { type: "pong", ref: 1 },
    expect.objectContaining({ type: "error", code: "unauthorized", reason: "missing", ref: 2 }),
  ]);
  expect(await client.closed()).toEqual({ code: 4004, reason: "missing" });
});

it("turns away who has no grant and sends a ping above 16 KiB, which with one is taken", async () => {
  const relay = await startRelay(await tokenOptions());
  const stranger = await Client.openV1(relay);
  const member = await Client.openV1(relay);
  member.send({ type: "auth", token: await makeToken() });
  member.send({ type: "join", topic: "t" });
  await member.take(2);

  for (const client of [stranger, member]) client.send({ type: "ping", more: "x".repeat(17_000) });

  expect(await stranger.next()).toMatchObject({ type: "error", code: "unauthorized", reason: "missing" });
  expect(await stranger.closed()).toEqual({ code: 4004, reason: "missing" });
  expect(await member.next()).toEqual({ type: "pong" });
});

it("answers a sender whose messages are held, as long as it is read", async () => {
  const relay = await startRelay(PATIENT);
  const [stalled] = await openV1(relay, "t", "stalled");
  const [sender] = await openV1(relay, "t", "sender");
  stalled.socket.pause();
  const data = Buffer.alloc(100_000, "x").toString("base64");
  while (!sender.texts.some((text) => text.includes('"congested"'))) {
    sender.send({ type: "data", topic: "t", data });
    await sender.settled();
  }

  sender.send({ type: "ping", ref: 9, pad: "still here" });

  await eventually(() => expect(sender.texts.at(-1)).toBe('{"type":"pong","pad":"still here","ref":9}'));
  expect(relay.figures().pauses).toBe(0);
  stalled.socket.resume();
});

it("counts a ping and its pong towards what its sender may send", async () => {
  const relay = await startRelay({ tls: "off", bytesPerSecondPerConnection: 100_000, rateBurstMs: 100 });
  const [member] = await openV1(relay, "t", "member");
  const startedAtMs = performance.now();

  for (let ref = 0; ref < 2; ref += 1) member.send({ type: "ping", ref, pad: PAD });
  await member.take(2);

  // The first is taken at once. The second waits for what it and its pong are above the burst of 10,000 bytes: half a second.
  expect(performance.now() - startedAtMs).toBeGreaterThan(500);
});

it("closes who pings on and on and does not read, when its outbox is full", async () => {
  const relay = await startRelay({ ...PATIENT, outboxHighWaterBytes: 65_536, maxOutboxBytes: 262_144 });
  const [deaf] = await openV1(relay, "t", "deaf");
  deaf.socket.pause();

  // The kernel takes some MiB before anything waits in the relay.
  for (let count = 0; count < 1000; count += 1) deaf.send({ type: "ping", pad: PAD });

  await eventually(() => expect(relay.figures()).toMatchObject({ outboxesFull: 1, peers: 0 }));
});

it("is nothing to a classic client, which gets no pong", async () => {
  const relay = await startRelay();
  const classic = await openClassic(relay, "t", "classic");

  classic.send({ type: "ping", ref: 1 });

  await classic.expectNothing();
});
