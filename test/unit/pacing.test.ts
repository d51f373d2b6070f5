import { expect, it } from "vitest";
import { TurnClock } from "../../relay/turn-clock.ts";
import { Batch } from "../../relay/websocket/batch.ts";
import { Flusher } from "../../relay/websocket/flusher.ts";
import { Pacing, SenderPace } from "../../relay/websocket/pacing.ts";
import { FakeClock } from "../support/fake-clock.ts";

/** Lets so many milliseconds pass in which the sender sends at these rates, by whether its messages are delayed. */
function send(
  clock: FakeClock,
  pacing: Pacing,
  pace: SenderPace,
  rates: { prompt: number; delayed: number },
  forMs: number,
) {
  let owed = 0;
  for (let atMs = 0; atMs < forMs; atMs += 1) {
    clock.advance(1);
    owed += (pace.mayWait ? rates.delayed : rates.prompt) / 1000;
    for (; owed >= 1; owed -= 1) pacing.sent(pace);
  }
}

function scene() {
  const clock = new FakeClock();
  const pacing = new Pacing(clock);
  pacing.start();
  return { clock, pacing, pace: new SenderPace() };
}

it("finds a sender patient that sends as much when its messages wait", () => {
  const { clock, pacing, pace } = scene();

  send(clock, pacing, pace, { prompt: 500, delayed: 500 }, 1000);

  expect(pace.mayWait).toBe(true);
  expect(pacing.sent(pace)).toBe(true);
});

it("leaves a sender alone that sends less when its messages wait, over many trials", () => {
  const { clock, pacing, pace } = scene();

  send(clock, pacing, pace, { prompt: 5000, delayed: 1600 }, 60_000);

  expect(pace.mayWait).toBe(false);
  expect(pacing.sent(pace)).toBe(false);
});

it("finds out when a patient sender has begun to wait for its messages", () => {
  const { clock, pacing, pace } = scene();
  send(clock, pacing, pace, { prompt: 500, delayed: 500 }, 1000);

  send(clock, pacing, pace, { prompt: 5000, delayed: 1600 }, 20_000);

  expect(pace.mayWait).toBe(false);
});

it("never tries a sender of few messages: a lone message is not delayed", () => {
  const { clock, pacing, pace } = scene();
  let delayedMs = 0;

  for (let second = 0; second < 600; second += 1) {
    send(clock, pacing, pace, { prompt: 50, delayed: 50 }, 100);
    delayedMs += pace.mayWait ? 1 : 0;
  }

  expect(delayedMs).toBe(0);
});

it("tries rarely when a trial has changed nothing", () => {
  const { clock, pacing, pace } = scene();
  let delayedMs = 0;
  send(clock, pacing, pace, { prompt: 5000, delayed: 1600 }, 1000);

  for (let ms = 0; ms < 80_000; ms += 1) {
    send(clock, pacing, pace, { prompt: 5000, delayed: 1600 }, 1);
    delayedMs += pace.mayWait ? 1 : 0;
  }

  expect(delayedMs / 80_000).toBeLessThan(0.01);
});

it("tries a busy newcomer soon, though all others are known", () => {
  const { clock, pacing, pace } = scene();
  send(clock, pacing, pace, { prompt: 5000, delayed: 1600 }, 2000);
  const newcomer = new SenderPace();

  send(clock, pacing, newcomer, { prompt: 500, delayed: 500 }, 1000);

  expect(newcomer.mayWait).toBe(true);
});

it("tries for a newcomer once: one who says little cannot have all others tried again and again", () => {
  const { clock, pacing, pace } = scene();
  send(clock, pacing, pace, { prompt: 5000, delayed: 1600 }, 2000);
  const quiet = new SenderPace();
  let delayedMs = 0;

  for (let ms = 0; ms < 80_000; ms += 1) {
    if (ms % 1000 === 300) pacing.sent(quiet);
    send(clock, pacing, pace, { prompt: 5000, delayed: 1600 }, 1);
    delayedMs += pace.mayWait ? 1 : 0;
  }

  expect(delayedMs / 80_000).toBeLessThan(0.01);
});

it("stops its trials", () => {
  const { clock, pacing, pace } = scene();

  pacing.stop();
  send(clock, pacing, pace, { prompt: 500, delayed: 500 }, 5000);

  expect(pace.mayWait).toBe(false);
});

/** A link that counts how often it is written. */
class CountedLink {
  lastFlushMs = Number.NEGATIVE_INFINITY;
  flushCount = 0;
  readonly #clock: FakeClock;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  flush(): void {
    this.flushCount += 1;
    this.lastFlushMs = this.#clock.monotonicMs();
  }
}

const turn = () =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

it("writes a link at the end of the turn, the first message and every message of an impatient sender", async () => {
  const clock = new FakeClock();
  const turnClock = new TurnClock(clock);
  const flusher = new Flusher(turnClock, { flushIntervalMs: 2 });
  const link = new CountedLink(clock);

  for (const mayWait of [true, false, false]) {
    expect(flusher.schedule(link, { mayWait, receivedAtMs: turnClock.tick() })).toBe("soon");
    await turn();
  }

  expect(link.flushCount).toBe(3);
});

it("writes a link once per interval while its sender is patient, and at once after a pause", async () => {
  const clock = new FakeClock();
  const turnClock = new TurnClock(clock);
  const flusher = new Flusher(turnClock, { flushIntervalMs: 2 });
  const link = new CountedLink(clock);
  const patient = () => ({ mayWait: true, receivedAtMs: turnClock.tick() });
  flusher.schedule(link, patient());
  await turn();

  clock.advance(1);
  const outcome = flusher.schedule(link, patient());
  await turn();
  const countWithin = link.flushCount;
  clock.advance(2);
  const countAfter = link.flushCount;
  // Just one interval later is no pause yet: the next message would come without company.
  clock.advance(2);
  const oneIntervalLater = flusher.schedule(link, patient());
  clock.advance(2);
  clock.advance(3);

  expect([outcome, countWithin, countAfter, oneIntervalLater]).toEqual(["later", 1, 2, "later"]);
  expect(flusher.schedule(link, patient())).toBe("soon");
});

it("joins the frames of a chain once for all who hold it", () => {
  const root = Batch.empty();
  const frames = [Buffer.from("a"), Buffer.from("b"), Buffer.from("c")] as const;
  const first = root.append(frames[0]).append(frames[1]);
  const second = root.append(frames[0]).append(frames[1]);
  const other = root.append(frames[0]).append(frames[2]);

  expect(second).toBe(first);
  expect(first.bytes()).toBe(second.bytes());
  expect([first, other].map((batch) => Buffer.from(batch.bytes()).toString())).toEqual(["ab", "ac"]);
  expect(root.append(frames[0]).bytes()).toBe(frames[0]);
  expect([root.byteLength, first.byteLength, other.frames()]).toEqual([0, 2, [frames[0], frames[2]]]);
});
