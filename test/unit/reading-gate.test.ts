import { expect, it } from "vitest";
import { RateClasses } from "../../relay/limits/rate-classes.ts";
import { ratesOf } from "../../relay/limits/sender-rate.ts";
import { ReadingGate, Reason } from "../../relay/websocket/reading-gate.ts";
import { Throttle } from "../../relay/websocket/throttle.ts";
import { FakeClock } from "../support/fake-clock.ts";

/** @param messagesPerSecond what its peer may send; 0: as much as it likes. */
function scene(messagesPerSecond = 0) {
  const did: string[] = [];
  const clock = new FakeClock();
  const throttle = new Throttle(clock, new RateClasses(ratesOf(messagesPerSecond, 0, 1000)));
  const gate = new ReadingGate(
    {
      stopReading: () => void did.push("stop"),
      goOnReading: () => void did.push("go on"),
    },
    throttle,
    clock.monotonicMs(),
  );
  return { clock, throttle, gate, did };
}

const turn = () =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

it("stops once, whatever the number of reasons, and goes on when the last is gone, in a later turn", async () => {
  const { gate, did } = scene();

  gate.shut(Reason.congestion);
  gate.shut(Reason.rate);
  gate.shut(Reason.congestion);
  gate.open(Reason.congestion);
  await turn();
  const whileOneIsLeft = [...did];
  gate.open(Reason.rate);
  const withinTheCall = [...did];
  await turn();

  expect([whileOneIsLeft, withinTheCall]).toEqual([["stop"], ["stop"]]);
  expect(did).toEqual(["stop", "go on"]);
  expect(gate.isOpen).toBe(true);
});

it("does not go on when it was shut again meanwhile", async () => {
  const { gate, did } = scene();
  gate.shut(Reason.held);

  gate.open(Reason.held);
  gate.shut(Reason.rate);
  await turn();

  expect(did).toEqual(["stop", "stop"]);
  gate.open(Reason.rate);
  expect(gate.isOpen).toBe(true);
});

it("is free for good: all reasons are taken back, and none counts any more", async () => {
  const { clock, throttle, gate, did } = scene(1);
  gate.shut(Reason.congestion);
  gate.shut(Reason.held);
  gate.shutFor(1000);

  gate.free();
  gate.free();
  gate.shut(Reason.congestion);
  gate.shutFor(1000);
  for (let count = 0; count < 5; count += 1) gate.tookMessage();
  await turn();
  clock.advance(2000);
  await turn();

  expect(did).toEqual(["stop", "go on"]);
  expect([gate.isOpen, throttle.waitingCount, throttle.hitCount]).toEqual([true, 0, 0]);
});

it("is shut for as long as its peer has sent more than its rate, which counts once", async () => {
  const { clock, throttle, gate, did } = scene(2);
  gate.came(10, clock.monotonicMs());
  gate.tookMessage();
  const withinRate = gate.isOpen;

  gate.tookMessage();
  gate.charge({ messageCount: 1, byteCount: 0 });
  const above = [gate.isOpen, throttle.hitCount];
  clock.advance(400);
  await turn();
  const tooSoon = gate.isOpen;
  clock.advance(700);
  await turn();

  expect([withinRate, above, tooSoon]).toEqual([true, [false, 1], false]);
  expect([gate.isOpen, did]).toEqual([true, ["stop", "go on"]]);
});

it("remembers that it was shut until it is asked, and says so as long as it is", () => {
  const { gate } = scene();
  const never = gate.wasShut();

  gate.shut(Reason.rate);
  const whileShut = [gate.wasShut(), gate.wasShut()];
  gate.open(Reason.rate);

  expect([never, whileShut]).toEqual([false, [true, true]]);
  expect([gate.wasShut(), gate.wasShut()]).toEqual([true, false]);
});
