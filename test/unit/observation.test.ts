import { expect, it } from "vitest";
import { FailureDamper } from "../../relay/admin/failure-damper.ts";
import { atMost, bytes, count, duration, milliseconds, time } from "../../relay/admin/figure-format.ts";
import { EventLoopLag } from "../../relay/observability/event-loop-lag.ts";
import { congestedTopics, largestTopics } from "../../relay/observability/largest-topics.ts";
import { eventually } from "../support/eventually.ts";
import { FakeClock } from "../support/fake-clock.ts";

it("remembers a thousand clients that guessed, and forgets the one that began first for another", () => {
  const damper = new FailureDamper(new FakeClock());
  const guess = (client: string) => {
    for (let attempt = 0; attempt < 10; attempt += 1) damper.failed(client);
  };

  for (let number = 0; number < 1000; number += 1) guess(`client ${number}`);
  const atTheBound = damper.isDamped("client 0");
  guess("client 1000");

  expect(atTheBound).toBe(true);
  expect(damper.isDamped("client 0")).toBe(false);
  expect(damper.isDamped("client 1")).toBe(true);
  expect(damper.isDamped("client 1000")).toBe(true);
});

it("damps after the tenth failure and not after the ninth, each client for itself", () => {
  const damper = new FailureDamper(new FakeClock());

  for (let attempt = 0; attempt < 9; attempt += 1) damper.failed("a");
  const afterNine = damper.isDamped("a");
  damper.failed("a");

  expect([afterNine, damper.isDamped("a"), damper.isDamped("b")]).toEqual([false, true, false]);
});

it.each([
  [count(0), "0"],
  [count(9.96), "10"],
  [count(1.75), "1.8"],
  [count(1_234_567), "1,234,567"],
  [bytes(1023), "1,023 B"],
  [bytes(1024), "1 KiB"],
  [bytes(1_610_612_736), "1.5 GiB"],
  [bytes(2 ** 60), "1,048,576 TiB"],
  [duration(0.9), "0 s"],
  [duration(61), "1 min 1 s"],
  [duration(7260), "2 h 1 min"],
  [duration(90_061), "1 d 1 h"],
  [milliseconds(0.0025), "2.5 ms"],
  [atMost(0.0005), "≤ 0.5 ms"],
  [atMost(undefined), "–"],
  [time(1_795_207_490_258), "20:44:50"],
])("shows a figure as %s", (shown, expected) => {
  expect(shown).toBe(expected);
});

it("finds the largest topics in one pass, those that came first before others of their size", () => {
  const topics = [3, 1, 9, 3, 7, 0].map((memberCount, index) => ({
    name: `t${index}`,
    memberCount,
    messageCount: 0,
    byteCount: 0,
  }));

  expect(largestTopics(topics, 3).map(({ name }) => name)).toEqual(["t2", "t4", "t0"]);
  expect(largestTopics(topics, 10)).toHaveLength(5);
  expect(largestTopics([], 3)).toEqual([]);
});

it("tells how late the event loop was, for whole intervals only", async () => {
  const lag = new EventLoopLag();
  lag.start();
  const beforeAny = lag.read();

  let blocks = 0;
  await eventually(() => {
    const untilMs = performance.now() + 30;
    while (performance.now() < untilMs);
    blocks += 1;
    // Each block is followed by a turn of the event loop, in which the timer is late.
    expect(blocks).toBe(6);
  });
  lag.turn();
  const { p50, p99, max } = lag.read();
  lag.stop();
  lag.turn();

  expect(beforeAny).toEqual({ p50: 0, p99: 0, max: 0 });
  expect(p50).toBeLessThanOrEqual(p99);
  expect(p99).toBeLessThanOrEqual(max);
  expect(max).toBeGreaterThan(0.005);
});

it("finds the topics for which the most is held, and none for which nothing is", () => {
  const figures = { memberCount: 1, messageCount: 0, byteCount: 0, slowReaderCount: 1, heldMessageCount: 1 };
  const held = { a: 0, b: 5, c: 9, d: 0, e: 7 };
  const topics = Object.entries(held).map(([name, heldByteCount]) => ({ ...figures, name, heldByteCount }));

  expect(congestedTopics(topics, 2).map(({ name }) => name)).toEqual(["c", "e"]);
  expect(congestedTopics(topics, 9).map(({ name }) => name)).toEqual(["c", "e", "b"]);
});
