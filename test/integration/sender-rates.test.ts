import { setTimeout as pause } from "node:timers/promises";
import { expect, it } from "vitest";
import { bestOf } from "../support/best-of.ts";
import { openV1 } from "../support/client.ts";
import { eventually } from "../support/eventually.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";
import { unhurriedClock } from "../support/unhurried-clock.ts";
import { flood, percentile } from "./flood.ts";

const PLAIN = { tls: "off", drainTimeoutMs: 200 } as const;
/** How long a flood is watched. */
const WATCH_MS = 1000;
const FLOOD_PER_SECOND = 200;

/** What came of a rate: messages, and the time in which they came, in seconds. */
type Taken = { readonly count: number; readonly seconds: number };

async function takenIn(relay: TestRelay, durationMs: number): Promise<Taken> {
  const startedAtMs = performance.now();
  const before = relay.figures().messages;
  await pause(durationMs);
  const count = relay.figures().messages - before;
  return { count, seconds: (performance.now() - startedAtMs) / 1000 };
}

it("[TOPIC-12] takes from a flooding client what its rate allows, and drops nothing of it", async () => {
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
