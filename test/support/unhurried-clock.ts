import { type Clock, systemClock, type Timer } from "../../relay/clock.ts";

/** So often the sockets of this process are read and written before a task runs: a ping and its pong need some of them. */
const TURNS = 20;

/**
 * This machine's clock, but that what is due every so often first lets this process read all that has come, and is due
 * again an interval after it ran. Relay and clients share the process: without this, one that stood still takes its own
 * clients for silent.
 */
export const unhurriedClock: Clock = {
  ...systemClock,
  every(intervalMs, task) {
    let timer: Timer | undefined;
    let isCancelled = false;
    const wait = (): void => {
      timer = systemClock.after(intervalMs, () => afterTurns(TURNS, run));
    };
    const run = (): void => {
      if (isCancelled) return;
      task();
      wait();
    };
    wait();
    return {
      cancel() {
        isCancelled = true;
        timer?.cancel();
      },
    };
  },
};

function afterTurns(count: number, task: () => void): void {
  if (count === 0) task();
  else setImmediate(() => afterTurns(count - 1, task));
}
