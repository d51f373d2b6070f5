import type { Clock } from "../../clock.ts";

/** It did not come in time. */
export const SILENCE: unique symbol = Symbol("silence");

/** Waits for something no longer than this. @returns SILENCE where it did not come; what comes later is passed over. */
export async function within<T>(clock: Clock, timeMs: number, task: Promise<T>): Promise<T | typeof SILENCE> {
  const { promise, resolve } = Promise.withResolvers<typeof SILENCE>();
  const timer = clock.after(timeMs, () => resolve(SILENCE));
  // It may fail after the time is over: nobody waits for it then.
  task.catch(() => undefined);
  try {
    return await Promise.race([promise, task]);
  } finally {
    timer.cancel();
  }
}

/** Time from now on. @returns how many milliseconds have gone, whole ones. */
export function stopwatch(clock: Clock): () => number {
  const startedMs = clock.monotonicMs();
  return () => Math.round(clock.monotonicMs() - startedMs);
}
