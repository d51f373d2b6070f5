/** Something that was started and can be undone. Cancelling twice does no harm. */
export interface Timer {
  cancel(): void;
}

/**
 * Time, as a part: everything that waits or measures takes one, so that tests need not wait. There is no calendar in it:
 * nothing that the client does depends on the wall clock but the renewal of a token, and the warning of a list that has expired.
 */
export interface Clock {
  /** Milliseconds since some fixed moment, with fractions: for durations. Never goes back. */
  monotonicMs(): number;
  /** Runs a task once after `delayMs`. */
  after(delayMs: number, task: () => void): Timer;
}

/** The longest that a timer of the platforms waits, nearly 25 days; a longer one would end at once. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** The clock of this machine. Its timers keep a program alive. */
export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  after(delayMs, task) {
    const handle = setTimeout(task, Math.min(delayMs, MAX_DELAY_MS));
    return { cancel: () => clearTimeout(handle) };
  },
};

/** Milliseconds since the epoch, as this machine believes: for what says when it ends, a token and a signed list. */
export function epochMs(): number {
  return Date.now();
}
