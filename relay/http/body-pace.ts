import type { IncomingMessage } from "node:http";
import type { Clock } from "../clock.ts";

/** Half of 64 kbit/s: who is slower has gone. */
const MIN_BYTES_PER_SECOND = 4096;
const LOOK_EVERY_MS = 1000;

/** How the body of a request has to come. */
export type BodyPace = {
  readonly clock: Clock;
  /** So long it may take whatever it brings. */
  readonly graceMs: number;
  /** Whether what it brings gives it more time; else the grace is all. */
  readonly isEarning: boolean;
};

/**
 * Watches that the body of a request that is being read comes on. A time limit of its own would cut off a large body on a
 * slow line, and let a small one be dripped; how large it may be, its reader bounds.
 * @param onTooSlow called once, if at all, and not after the body is whole or its sender is gone.
 */
export function keepToPace(
  request: IncomingMessage,
  { clock, graceMs, isEarning }: BodyPace,
  onTooSlow: () => void,
): void {
  const { socket } = request;
  const startedAtMs = clock.monotonicMs();
  const before = socket.bytesRead;
  const timer = clock.every(LOOK_EVERY_MS, () => {
    const earnedMs = !isEarning ? 0 : ((socket.bytesRead - before) / MIN_BYTES_PER_SECOND) * 1000;
    if (request.complete || socket.destroyed) timer.cancel();
    else if (clock.monotonicMs() - startedAtMs > graceMs + earnedMs) {
      timer.cancel();
      onTooSlow();
    }
  });
  request.once("close", () => timer.cancel());
}
