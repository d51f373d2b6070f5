import { expect, it } from "vitest";
import { type Client, openV1 } from "../support/client.ts";
import { eventually } from "../support/eventually.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";

const PLAIN = { tls: "off", drainTimeoutMs: 200 } as const;
/** How long a flood is watched. */
const WATCH_MS = 1000;
const FLOOD_PER_SECOND = 200;
/** Of a flood of large messages, which as fast as it can would leave no time for anybody. */
const FLOOD_BYTES_PER_SECOND = 2_000_000;
const LARGE_BYTES = 50_000;
const PROBES = 60;
/** Below this a ratio is a ratio of noise. */
const MEASURABLE_MS = 1;

const pause = (durationMs: number) =>
  new Promise<void>((resolve) => {
    setTimeout(resolve, durationMs);
  });

/** Sends as fast as its socket takes it, until it is told to stop. */
function flood(client: Client, topic: string, payloadBytes = 100): () => void {
  const message = JSON.stringify({ type: "data", topic, data: "x".repeat(payloadBytes) });
  let isOn = true;
  const sendMore = (): void => {
    // The sender's own memory is its bound here: a flood that waits in this process proves nothing.
    for (let count = 0; count < 200 && client.socket.bufferedAmount < 1_000_000; count += 1) client.send(message);
    if (isOn) setTimeout(sendMore, 5);
  };
  sendMore();
  return () => {
    isOn = false;
    client.socket.terminate();
  };
}

/** The 99th percentile of the time from a message to its arrival, one after the other, in milliseconds. */
async function p99(sender: Client, receiver: Client, topic: string): Promise<number> {
  const latencies: number[] = [];
  for (let count = 0; count < PROBES; count += 1) {
    const arrival = new Promise<number>((resolve) => {
      const onMessage = (bytes: Buffer): void => {
        if (!bytes.includes(`probe ${count}"`)) return;
        receiver.socket.removeListener("message", onMessage);
        resolve(performance.now());
      };
      receiver.socket.on("message", onMessage);
    });
    const sentAtMs = performance.now();
    sender.send({ type: "data", topic, data: `probe ${count}` });
    latencies.push((await arrival) - sentAtMs);
    await pause(2);
  }
  return latencies.toSorted((a, b) => a - b)[Math.floor(PROBES * 0.99)] ?? 0;
}

/** The smallest of several measurements, because on a busy machine everything else is noise that only adds. */
async function bestP99(sender: Client, receiver: Client, topic: string): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 3; round += 1) best = Math.min(best, await p99(sender, receiver, topic));
  return best;
}

async function countIn(relay: TestRelay, durationMs: number): Promise<number> {
  const before = relay.figures().messages;
  await pause(durationMs);
  return relay.figures().messages - before;
}

it("takes from a flooding client what its rate allows, and drops nothing of it", async () => {
  const relay = await startRelay({ ...PLAIN, messagesPerSecondPerConnection: FLOOD_PER_SECOND, rateBurstMs: 100 });
  const [flooder] = await openV1(relay, "t", "flooder");
  const [reader] = await openV1(relay, "t", "reader");
  await flooder.next();
  const stop = flood(flooder, "t");
  await eventually(() => expect(relay.figures().messages).toBeGreaterThan(20));

  const counted = await countIn(relay, WATCH_MS);
  stop();

  const expected = (FLOOD_PER_SECOND * WATCH_MS) / 1000;
  expect(counted).toBeGreaterThan(expected * 0.7);
  expect(counted).toBeLessThan(expected * 1.15);
  await eventually(() => expect(reader.texts.length - 1).toBeGreaterThanOrEqual(relay.figures().messages));
});

it("does not cut a client off that waits for its rate longer than the time between two pings", async () => {
  const relay = await startRelay({ ...PLAIN, sweepIntervalMs: 100, messagesPerSecondPerConnection: 2, rateBurstMs: 0 });
  const [sender] = await openV1(relay, "t", "sender");
  const [reader] = await openV1(relay, "t", "reader");
  for (let count = 0; count < 3; count += 1) sender.send({ type: "data", topic: "t", data: `${count}` });

  const received = await reader.take(2);

  expect(received.map(({ data }) => data)).toEqual(["0", "1"]);
  expect(relay.figures()).toMatchObject({ swept: 0, connections: 2 });
});

it("keeps the 99th percentile of others within twice what it was, in the flooded topic and beside it", async () => {
  const rates = { bytesPerSecondPerConnection: FLOOD_BYTES_PER_SECOND, rateBurstMs: 100 };
  const relay = await startRelay({ ...PLAIN, ...rates });
  const [sender] = await openV1(relay, "beside", "sender");
  const [receiver] = await openV1(relay, "beside", "receiver");
  const [member] = await openV1(relay, "flooded", "member");
  const [witness] = await openV1(relay, "flooded", "witness");
  const calm = await bestP99(sender, receiver, "beside");
  const calmInTopic = await bestP99(member, witness, "flooded");
  const [flooder] = await openV1(relay, "flooded", "flooder");

  const stop = flood(flooder, "flooded", LARGE_BYTES);
  await eventually(() => expect(relay.figures().bytes).toBeGreaterThan(10 * LARGE_BYTES));
  const beside = await bestP99(sender, receiver, "beside");
  const inTopic = await bestP99(member, witness, "flooded");
  stop();

  expect(beside).toBeLessThan(2 * Math.max(calm, MEASURABLE_MS));
  expect(inTopic).toBeLessThan(2 * Math.max(calmInTopic, MEASURABLE_MS));
});

it("shares the rate of a topic: who sends little does not wait for those who send too much", async () => {
  const relay = await startRelay({ ...PLAIN, messagesPerSecondPerTopic: FLOOD_PER_SECOND, rateBurstMs: 100 });
  const [member] = await openV1(relay, "t", "member");
  const [witness] = await openV1(relay, "t", "witness");
  const [flooder] = await openV1(relay, "t", "flooder");
  await witness.next();
  const stop = flood(flooder, "t");
  await eventually(() => expect(relay.figures().messages).toBeGreaterThan(30));
  const countedFrom = { atMs: performance.now(), messages: relay.figures().messages };

  const waits: number[] = [];
  for (let count = 0; count < 20; count += 1) {
    const sentAtMs = performance.now();
    member.send({ type: "data", topic: "t", data: `probe ${count}` });
    await eventually(() => expect(witness.texts.some((text) => text.includes(`probe ${count}"`))).toBe(true));
    waits.push(performance.now() - sentAtMs);
    await pause(50);
  }
  const elapsedS = (performance.now() - countedFrom.atMs) / 1000;
  const perSecond = (relay.figures().messages - countedFrom.messages) / elapsedS;
  stop();

  expect(perSecond).toBeLessThan(FLOOD_PER_SECOND * 1.15);
  expect(perSecond).toBeGreaterThan(FLOOD_PER_SECOND * 0.6);
  expect(waits.toSorted((a, b) => a - b)[10]).toBeLessThan(50);
});

it("makes the senders of one topic wait, and nobody beside it", async () => {
  const relay = await startRelay({ ...PLAIN, bytesPerSecondPerTopic: 4000, rateBurstMs: 100 });
  const [sender] = await openV1(relay, "t", "sender");
  const [reader] = await openV1(relay, "t", "reader");
  const [other, [otherReader]] = [(await openV1(relay, "u", "a"))[0], await openV1(relay, "u", "b")];
  await sender.next();
  await other.next();

  const large = "x".repeat(2000);
  const startedAtMs = performance.now();
  for (let count = 0; count < 2; count += 1) sender.send({ type: "data", topic: "t", data: large });
  for (let count = 0; count < 2; count += 1) other.send({ type: "data", topic: "u", data: "y".repeat(40) });
  await otherReader.take(2);
  const otherMs = performance.now() - startedAtMs;
  await reader.take(2);
  const ownMs = performance.now() - startedAtMs;

  expect(ownMs).toBeGreaterThan(350);
  expect(otherMs).toBeLessThan(ownMs / 2);
});
