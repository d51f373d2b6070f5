import type { Clock } from "./clock.ts";
import { DeliveryError } from "./errors.ts";

/**
 * Runs a task with a signal that is aborted when the time is over, or the caller's signal is.
 * @throws what the task throws; DeliveryError `timed-out`, `aborted` where it has not settled by then
 */
export async function withTimeLimit<T>(
  clock: Clock,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined },
  task: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  if (signal?.aborted === true) throw new DeliveryError("aborted", { cause: signal.reason });
  const limit = new AbortController();
  const { promise: failure, reject } = Promise.withResolvers<never>();
  const fail = (error: DeliveryError): void => {
    reject(error);
    limit.abort(error);
  };
  const giveUp = (): void => fail(new DeliveryError("aborted", { cause: signal?.reason }));
  const timer = clock.after(timeoutMs, () => fail(new DeliveryError("timed-out", { cause: `${timeoutMs} ms` })));
  signal?.addEventListener("abort", giveUp);
  try {
    return await Promise.race([failure, task(limit.signal)]);
  } finally {
    timer.cancel();
    signal?.removeEventListener("abort", giveUp);
  }
}
