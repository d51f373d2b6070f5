import type { Clock } from "../clock.ts";

/** Runs a task whose signal is aborted after a time, or by the caller's signal: what it does not wait for any more is no error. */
export async function patiently(
  clock: Clock,
  { patienceMs, signal }: { readonly patienceMs: number; readonly signal: AbortSignal },
  task: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const limit = new AbortController();
  const timer = clock.after(patienceMs, () => limit.abort());
  try {
    await task(AbortSignal.any([limit.signal, signal]));
  } finally {
    timer.cancel();
  }
}

/** Resolves after a time, or when the signal is aborted. */
export function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return patiently(
    clock,
    { patienceMs: delayMs, signal },
    (limit) =>
      new Promise((resolve) => {
        if (limit.aborted) resolve();
        else limit.addEventListener("abort", () => resolve(), { once: true });
      }),
  );
}
