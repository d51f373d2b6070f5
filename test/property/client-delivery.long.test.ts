import fc from "fast-check";
import { expect, it } from "vitest";
import { DeliveryNetwork } from "../support/delivery-network.ts";
import { play, scenario } from "../support/delivery-scenario.ts";

it("holds the twelve invariants in many more runs", { timeout: 120_000 }, () => {
  fc.assert(
    fc.property(scenario, (all) => void play(all)),
    // The same scenarios in every run; others in test/soak/.
    { numRuns: 3000, seed: 4242 },
  );
});

it("serves 100 who miss 1,000 messages at once by one repair to all", { timeout: 60_000 }, () => {
  const topic = new DeliveryNetwork({ seed: 3, resendBufferBytes: 4_194_304, latencyMs: 5 });
  const sender = topic.add();
  const readers = Array.from({ length: 100 }, () => topic.add());
  topic.run(500);
  for (const reader of readers) topic.cut(reader, { noticeMs: 200, dialMs: 300, relayNoticeMs: 1 });
  topic.run(20);
  for (let count = 0; count < 1000; count += 1) void topic.broadcast(sender, 1000);
  topic.run(15_000);

  expect(topic.truth.resendBytes).toBeLessThan(2_000_000);
  expect(readers.every(({ messages }) => messages.length === 1000)).toBe(true);
});
