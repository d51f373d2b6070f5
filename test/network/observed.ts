import { TurnClock } from "../../relay/turn-clock.ts";

// A relay whose process loads this first tells how long it has stood still: on a busy machine its own time is shorter than
// everybody else's, and by its own time it judges.

const STEP_MS = 100;

const tick = Object.getOwnPropertyDescriptor(TurnClock.prototype, "tick")?.value as (this: TurnClock) => number;
let toldMs = 0;

TurnClock.prototype.tick = function observedTick(this: TurnClock): number {
  const nowMs = tick.call(this);
  const standstillMs = nowMs - this.judgedMs;
  if (standstillMs - toldMs >= STEP_MS) {
    toldMs = standstillMs;
    process.stdout.write(`${JSON.stringify({ msg: "stood still", standstillMs })}\n`);
  }
  return nowMs;
};
