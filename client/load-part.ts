import type { Clock } from "./clock.ts";
import { ConnectError } from "./errors.ts";
import type { BackOff } from "./line/back-off.ts";

/** What loading a part of the client needs of others. */
export type LoadingParts = {
  readonly clock: Clock;
  readonly backOff: BackOff;
  /** Ends it: it then rejects with the signal's reason. */
  readonly signal: AbortSignal;
  /** It was not loaded, and is tried again: `load-failed`. */
  readonly onError: (error: ConnectError) => void;
};

/**
 * Loads a part of the client that a bundler may have put into a file of its own: until it is there, or the signal ends it.
 * @param load called anew for each attempt: `import()`, which asks the server again in browsers that follow today's HTML standard.
 */
export async function loadPart<Part>(load: () => Promise<Part>, parts: LoadingParts): Promise<Part> {
  const { clock, backOff, signal, onError } = parts;
  signal.throwIfAborted();
  const { promise: ended, reject } = Promise.withResolvers<never>();
  const end = (): void => reject(signal.reason);
  signal.addEventListener("abort", end);
  const attempt = async (): Promise<Part> => {
    try {
      return await Promise.race([ended, load()]);
    } catch (cause) {
      signal.throwIfAborted();
      onError(new ConnectError("load-failed", { cause }));
    }
    const { promise: waited, resolve } = Promise.withResolvers<void>();
    const timer = clock.after(backOff.nextMs(), resolve);
    await Promise.race([ended, waited]).finally(() => timer.cancel());
    return attempt();
  };
  try {
    return await attempt();
  } finally {
    signal.removeEventListener("abort", end);
  }
}
