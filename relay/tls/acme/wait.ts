import type { Clock } from "../../clock.ts";

/** Waits so long, or until the signal says to give up; then it resolves as well: look at the signal afterwards. */
export function wait(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      timer.cancel();
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = clock.after(delayMs, done);
    signal.addEventListener("abort", done);
  });
}

/** Runs a task with a signal that ends it after so long, or when the outer signal does. */
export async function withTimeout<T>(
  clock: Clock,
  timeoutMs: number,
  outer: AbortSignal,
  task: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const timer = clock.after(timeoutMs, () => controller.abort());
  try {
    return await task(AbortSignal.any([outer, controller.signal]));
  } finally {
    timer.cancel();
  }
}
