import { expect, it } from "vitest";
import { type Client, openV1 } from "../support/client.ts";
import { eventually } from "../support/eventually.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";
import { unhurriedClock } from "../support/unhurried-clock.ts";

const PLAIN = { tls: "off", drainTimeoutMs: 200 } as const;
/** How long a flood is watched. */
const WATCH_MS = 1000;
const FLOOD_PER_SECOND = 200;
/** Of a flood of large messages, which as fast as it can would leave no time for anybody. */
const FLOOD_BYTES_PER_SECOND = 2_000_000;
const LARGE_BYTES = 50_000;
const PROBES = 100;
let nextProbe = 0;
/** How often what others on the machine can spoil is measured before it is believed. */
const ATTEMPTS = 20;
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

/** A percentile of the time from a message to its arrival, one after the other, in milliseconds. */
async function percentile(
  part: number,
  sender: Client,
  receiver: Client,
  topic: string,
  probes: number = PROBES,
): Promise<number> {
  const latencies: number[] = [];
  for (let count = 0; count < probes; count += 1) {
    const probe = `probe ${nextProbe++}`;
    const arrival = new Promise<number>((resolve) => {
      const onMessage = (bytes: Buffer): void => {
        if (!bytes.includes(`${probe}"`)) return;
        receiver.socket.removeListener("message", onMessage);
        resolve(performance.now());
      };
      receiver.socket.on("message", onMessage);
    });
    const sentAtMs = performance.now();
    sender.send({ type: "data", topic, data: probe });
    latencies.push((await arrival) - sentAtMs);
    await pause(2);
  }
  return latencies.toSorted((a, b) => a - b)[Math.ceil(probes * part) - 1] ?? 0;
}

function p99(sender: Client, receiver: Client, topic: string): Promise<number> {
  return percentile(0.99, sender, receiver, topic);
}

/** What came of a rate: messages, and the time in which they came, in seconds. */
type Taken = { readonly count: number; readonly seconds: number };

async function takenIn(relay: TestRelay, durationMs: number): Promise<Taken> {
  const startedAtMs = performance.now();
  const before = relay.figures().messages;
  await pause(durationMs);
  const count = relay.figures().messages - before;
  return { count, seconds: (performance.now() - startedAtMs) / 1000 };
}

/**
 * Measures until it is good enough, a few times at most. @returns the best. For what a busy machine can only make worse:
 * a defect is there in every measurement.
 */
async function bestOf(measure: () => Promise<number>, isGood: (figure: number) => boolean): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < ATTEMPTS && !isGood(best); attempt += 1) best = Math.min(best, await measure());
  return best;
}

it("takes from a flooding client what its rate allows, and drops nothing of it", async () => {
  const relay = await startRelay({ ...PLAIN, messagesPerSecondPerConnection: FLOOD_PER_SECOND, rateBurstMs: 100 });
  const [flooder] = await openV1(relay, "t", "flooder");
  const [reader] = await openV1(relay, "t", "reader");
  await flooder.next();
  const stop = flood(flooder, "t");
  await eventually(() => expect(relay.figures().messages).toBeGreaterThan(20));

  const missing = await bestOf(
    async () => {
      const { count, seconds } = await takenIn(relay, WATCH_MS);
      expect(count).toBeLessThanOrEqual(FLOOD_PER_SECOND * (seconds + 0.1) + 1);
      return 1 - count / (FLOOD_PER_SECOND * seconds);
    },
    (figure) => figure < 0.5,
  );
  stop();

  expect(missing).toBeLessThan(0.5);
  await eventually(() => expect(reader.texts.length - 1).toBeGreaterThanOrEqual(relay.figures().messages));
});

it("does not cut a client off that waits for its rate longer than the time between two pings", async () => {
  const relay = await startRelay(
    { ...PLAIN, sweepIntervalMs: 100, messagesPerSecondPerConnection: 2, rateBurstMs: 0 },
    unhurriedClock,
  );
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
  const beside = [
    (await openV1(relay, "beside", "sender"))[0],
    (await openV1(relay, "beside", "receiver"))[0],
  ] as const;
  const inside = [
    (await openV1(relay, "flooded", "member"))[0],
    (await openV1(relay, "flooded", "witness"))[0],
  ] as const;

  const ratio = await bestOf(
    async () => {
      const calm = [await p99(...beside, "beside"), await p99(...inside, "flooded")] as const;
      const [flooder] = await openV1(relay, "flooded", "flooder");
      const { bytes } = relay.figures();
      const stop = flood(flooder, "flooded", LARGE_BYTES);
      await eventually(() => expect(relay.figures().bytes - bytes).toBeGreaterThan(10 * LARGE_BYTES));
      const flooded = [await p99(...beside, "beside"), await p99(...inside, "flooded")] as const;
      stop();
      await eventually(() => expect(relay.figures().connections).toBe(4));
      return Math.max(...calm.map((calmMs, at) => (flooded[at] ?? 0) / Math.max(calmMs, MEASURABLE_MS)));
    },
    (figure) => figure < 2,
  );

  expect(ratio).toBeLessThan(2);
});

it("shares the rate of a topic: who sends little does not wait for those who send too much", async () => {
  const relay = await startRelay({ ...PLAIN, messagesPerSecondPerTopic: FLOOD_PER_SECOND, rateBurstMs: 100 });
  const [member] = await openV1(relay, "t", "member");
  const [witness] = await openV1(relay, "t", "witness");
  const [flooder] = await openV1(relay, "t", "flooder");
  await witness.next();
  const stop = flood(flooder, "t");
  await eventually(() => expect(relay.figures().messages).toBeGreaterThan(30));

  const missing = await bestOf(
    async () => {
      const { count, seconds } = await takenIn(relay, WATCH_MS);
      expect(count).toBeLessThanOrEqual(FLOOD_PER_SECOND * (seconds + 0.1) + 2);
      return 1 - count / (FLOOD_PER_SECOND * seconds);
    },
    (figure) => figure < 0.5,
  );
  const medianMs = await bestOf(
    () => percentile(0.5, member, witness, "t", 20),
    (figure) => figure < 50,
  );
  stop();

  expect(missing).toBeLessThan(0.5);
  expect(medianMs).toBeLessThan(50);
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
  const waiting = relay.figures().messages;
  await reader.take(2);
  const ownMs = performance.now() - startedAtMs;

  expect(waiting).toBe(3);
  expect(ownMs).toBeGreaterThan(350);
});
