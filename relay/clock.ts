/** Something that was started and can be undone. Cancelling twice does no harm. */
export interface Timer {
  cancel(): void;
}

/** Time, as a part: everything that waits or measures takes one, so that tests need not wait. */
export interface Clock {
  /** Milliseconds since the epoch: for names and log fields. May jump. */
  epochMs(): number;
  /** Milliseconds since some fixed moment, with fractions: for durations. Never goes back. */
  monotonicMs(): number;
  /** Runs a task every `intervalMs`, first after one interval. Does not keep the process alive. */
  every(intervalMs: number, task: () => void): Timer;
  /** Runs a task once after `delayMs`. Does not keep the process alive. */
  after(delayMs: number, task: () => void): Timer;
}

/** The clock of this machine. */
export const systemClock: Clock = {
  epochMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  every(intervalMs, task) {
    const handle = setInterval(task, intervalMs).unref();
    return { cancel: () => clearInterval(handle) };
  },
  after(delayMs, task) {
    const handle = setTimeout(task, delayMs).unref();
    return { cancel: () => clearTimeout(handle) };
  },
};

/** Keeps the process alive until it is cancelled: the timers of a clock do not. For a command that waits and does nothing else. */
export function keepProcessAlive(): Timer {
  const handle = setInterval(() => undefined, 2 ** 30);
  return { cancel: () => clearInterval(handle) };
}
