import type { EventEmitter } from "node:events";
import type { Readable, Writable } from "node:stream";
import type { Clock } from "../clock.ts";

/** What a command may touch of the process: given in, so that a test can run one without a process of its own. */
export type Terminal = {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** For the commands that read; nothing comes where it is left out. */
  readonly stdin?: Readable;
  /** Results and log lines: for programs. */
  readonly stdout: Writable;
  /** Notes and errors: for people. */
  readonly stderr: Writable;
  /** Whether it was started from a terminal that may go away: SIGHUP says so then. */
  readonly isInteractive?: boolean;
  /** Emits `SIGTERM`, `SIGINT` and `SIGHUP`. */
  readonly signals: Pick<EventEmitter, "on" | "removeListener">;
  /** For the commands that wait; the machine's where it is left out. */
  readonly clock?: Clock;
};

/**
 * How a command ends.
 * @see docs/operations.md#exit-codes
 */
export const ExitCode = {
  success: 0,
  /** It could not be done: a relay did not start, or is not healthy; the output could not be written. */
  failed: 1,
  usage: 2,
  /** `cert status` found none that can be served, or `cert renew` got none; for `join`, something did not get through. */
  noCertificate: 3,
  /** `token inspect` found that a relay would not take the token. */
  tokenRefused: 4,
  /** 128 + the number of the second signal, as shells count it. */
  secondSigint: 130,
  secondSigterm: 143,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];
