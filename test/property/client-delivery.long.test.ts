import fc from "fast-check";
import { expect, it } from "vitest";
import type { Defect } from "../support/delivery-member.ts";
import { DeliveryNetwork } from "../support/delivery-network.ts";
import { play, scenario } from "../support/delivery-scenario.ts";
import type { Repaired } from "../support/repaired.ts";

/** The kind of frame by which a receiver asks. */
const STATUS = 3;

it("holds the twelve invariants in many more runs", { timeout: 120_000 }, () => {
  fc.assert(
    fc.property(scenario, (all) => void play(all)),
    // The same scenarios in every run; others in test/soak/.
    { numRuns: 3000, seed: 4242 },
  );
});

/** 100 receivers miss 1,000 messages of 1,000 bytes, and have them in the end. @returns what their sender sends again, in bytes */
function resentTo100(defect: Defect = {}): number {
  const topic = new DeliveryNetwork({ seed: 3, resendBufferBytes: 4_194_304, latencyMs: 5, defect });
  const sender = topic.add();
  const readers = Array.from({ length: 100 }, () => topic.add());
  topic.run(500);
  for (const reader of readers) topic.cut(reader, { noticeMs: 200, dialMs: 300, relayNoticeMs: 1 });
  topic.run(20);
  for (let count = 0; count < 1000; count += 1) void topic.broadcast(sender, 1000);
  topic.run(15_000);
  expect(readers.every(({ messages }) => messages.length === 1000)).toBe(true);
  return topic.truth.resendBytes;
}

it("serves 100 who miss 1,000 messages at once by one repair to all", { timeout: 60_000 }, () => {
  expect(resentTo100()).toBeLessThan(2_000_000);
});

it("serves them by little more where they ask one after the other", { timeout: 60_000 }, () => {
  const late: Defect = { sendDelayMs: (frame, random) => (frame[0] === STATUS ? 500 * random() : 0) };

  expect(resentTo100(late)).toBeLessThan(2_000_000);
});

/** 100 receivers, 30 of whom miss 1,000 messages of 1,000 bytes: what their sender sends again, and to how many that goes. */
function repairsOf30({ hasLists }: { readonly hasLists: boolean }): Repaired {
  const topic = new DeliveryNetwork({ seed: 4, resendBufferBytes: 4_194_304, latencyMs: 5, hasLists });
  const sender = topic.add();
  const readers = Array.from({ length: 100 }, () => topic.add());
  topic.run(500);
  for (const reader of readers.slice(0, 30)) topic.cut(reader, { noticeMs: 200, dialMs: 300, relayNoticeMs: 1 });
  topic.run(20);
  for (let count = 0; count < 1000; count += 1) void topic.broadcast(sender, 1000);
  topic.run(15_000);
  expect(readers.every(({ messages }) => messages.length === 1000)).toBe(true);
  return topic.truth.repaired;
}

it("repairs for 30 of 100 by lists: nearly as many messages as by repairs to all, and a third of the deliveries", {
  timeout: 120_000,
}, () => {
  const [toAll, byLists] = [repairsOf30({ hasLists: false }), repairsOf30({ hasLists: true })];

  console.info(`repairs to all:  ${JSON.stringify(toAll)}\nrepairs by lists: ${JSON.stringify(byLists)}`);
  expect(byLists.messageCount).toBeLessThanOrEqual(1.1 * toAll.messageCount);
  expect(byLists.sentBytes).toBeLessThan(1.2 * toAll.sentBytes);
  expect(byLists.deliveryCount).toBeLessThan(0.4 * toAll.deliveryCount);
});
