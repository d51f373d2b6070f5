import { expect, it } from "vitest";
import { FakeClock } from "../support/fake-clock.ts";
import { TestLine } from "../support/line-scene.ts";
import { ScriptedRelay } from "../support/scripted-relay.ts";

/** A line that has joined a topic, whose relay says no more than the test lets it. */
function openScene() {
  const clock = new FakeClock();
  const relay = new ScriptedRelay();
  const line = new TestLine("wss://relay.test", { clock, dial: relay.dial, random: () => 0.5 });
  clock.advance(0);
  const topic = line.open("t");
  const join = (): void => {
    relay.last.open();
    clock.advance(40);
    relay.last.pong();
    relay.last.joined();
    // Everything that was expected of the join is confirmed by one more pong.
    clock.advance(5000);
    relay.last.pong();
  };
  join();
  return { clock, relay, line, topic, join, socket: relay.last };
}

/** Lets time pass until the socket is given up. @returns after how long; undefined if never. */
function untilDead({ clock, socket }: ReturnType<typeof openScene>, eachSecond: () => void = () => undefined) {
  const startMs = clock.monotonicMs();
  for (let second = 0; second < 120; second += 1) {
    if (socket.isOver) return clock.monotonicMs() - startMs;
    eachSecond();
    clock.advance(1000);
  }
  return undefined;
}

it("notices within 12 s that nobody takes what it sends", () => {
  const scene = openScene();
  scene.clock.advance(3000);
  scene.topic.line.sendToAll(new Uint8Array([1]));

  expect(untilDead(scene)).toBeLessThanOrEqual(12_000);
  expect(scene.topic.told.at(-1)?.type).toBe("down");
});

it("notices it also while it goes on sending", () => {
  const scene = openScene();

  const afterMs = untilDead(scene, () => scene.topic.line.sendToAll(new Uint8Array([1])));

  expect(afterMs).toBeLessThanOrEqual(12_000);
});

it("notices it while something is awaited of others, and nothing is sent", () => {
  const scene = openScene();
  scene.topic.line.expectTraffic();

  expect(untilDead(scene)).toBeLessThanOrEqual(12_000);
});

it("asks at the relay's interval while nothing is expected, and measures the way", () => {
  const { clock, socket, line } = openScene();
  const before = socket.of("ping").length;
  expect(line.line.info.roundTripMs).toBeCloseTo(40);

  clock.advance(24_999);
  expect(socket.of("ping")).toHaveLength(before);
  clock.advance(1);
  expect(socket.of("ping")).toHaveLength(before + 1);
  clock.advance(80);
  socket.pong();

  expect(line.line.info.roundTripMs).toBeCloseTo(80);
});

it("believes a paused sender's line for as long as the relay says congested", () => {
  const scene = openScene();
  let second = 0;
  const congest = (): void => {
    scene.topic.line.sendToAll(new Uint8Array([1]));
    if ((second += 1) % 5 === 0 && second <= 60) {
      scene.socket.say({ type: "congested", topic: "t", heldBytes: 1, holdLimitBytes: 1 });
    }
  };

  const afterMs = untilDead(scene, congest);

  expect(afterMs).toBeGreaterThan(60_000);
  expect(afterMs).toBeLessThanOrEqual(59_000 + 12_000);
});

it("takes any byte for a sign of life: a large message on a slow line", () => {
  const scene = openScene();
  scene.topic.line.expectTraffic();

  expect(untilDead(scene, () => scene.socket.seeBytes())).toBeUndefined();
});

it("waits for a ping behind what the other side is still taking", () => {
  const scene = openScene();
  scene.socket.isStuck = true;
  scene.topic.line.sendToAll(new Uint8Array(250_000));
  let second = 0;
  const take = (): void => {
    if ((second += 1) <= 40) scene.socket.bufferedBytes -= 5000;
  };

  const afterMs = untilDead(scene, take);

  expect(afterMs).toBeGreaterThan(40_000);
  expect(afterMs).toBeLessThan(60_000);
});

it("gives a line with a long way more time", () => {
  const scene = openScene();
  scene.clock.advance(25_000);
  scene.clock.advance(5000);
  scene.socket.pong();
  expect(scene.line.line.info.roundTripMs).toBe(5000);
  scene.topic.line.expectTraffic();

  expect(untilDead(scene)).toBe(20_000);
});

it("asks more often, down to every 15 s, where a silent line dies", () => {
  const scene = openScene();
  const intervals: number[] = [];
  for (let round = 0; round < 4; round += 1) {
    const { last } = scene.relay;
    const pings = last.of("ping").length;
    const startMs = scene.clock.monotonicMs();
    while (last.of("ping").length === pings) scene.clock.advance(100);
    intervals.push(scene.clock.monotonicMs() - startMs);
    while (!last.isOver) scene.clock.advance(100);
    scene.clock.advance(1000);
    scene.join();
  }

  expect(intervals).toEqual([25_000, 17_500, 15_000, 15_000]);
});

it("after a sleep asks first, and judges by the answer to that", () => {
  const { clock, socket } = openScene();
  clock.advance(25_000);
  const asked = socket.of("ping").length;

  clock.sleep(600_000);

  expect(socket.isOver).toBe(false);
  expect(socket.of("ping")).toHaveLength(asked + 1);
  clock.advance(5999);
  expect(socket.isOver).toBe(false);
  clock.advance(1);
  expect(socket.isOver).toBe(true);
});

it("notices a dead line in a hidden page too, whose timers are a minute late", () => {
  const { clock, socket, topic } = openScene();
  topic.line.expectTraffic();

  for (let minute = 0; minute < 4; minute += 1) clock.sleep(60_000);

  expect(socket.isOver).toBe(true);
});

it("takes an older relay's error for a pong", () => {
  const scene = openScene();
  const answer = (): void => {
    const { ref } = scene.socket.of("ping").at(-1) ?? {};
    scene.socket.say({ type: "error", code: "bad-message", payload: "No", ref });
  };

  expect(untilDead(scene, answer)).toBeUndefined();
});
