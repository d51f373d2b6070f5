/** What a command may touch of the process: given in, so that a test can run one without a process of its own. */
export type Terminal = {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: NodeJS.ReadableStream;
  /** Messages: for people where it is a terminal, else for programs. */
  readonly stdout: Output;
  /** Notices and errors: for people. */
  readonly stderr: Output;
  /** Emits `SIGINT` and `SIGTERM`. */
  readonly signals: Pick<NodeJS.EventEmitter, "on" | "removeListener">;
};

/** A stream that may lead to a terminal. */
export type Output = NodeJS.WritableStream & { readonly isTTY?: boolean };

/**
 * How a command of the client ends.
 * @see docs/client.md#exit-codes
 */
export const ExitCode = {
  /** All that was sent is with all members that were there and stayed; or there was nothing to do. */
  success: 0,
  /** The relay could not be reached, or refuses. */
  failed: 1,
  usage: 2,
  /** Something did not get through: a line that could not be sent, a member that has not confirmed, messages that were lost. */
  incomplete: 3,
  /** 128 + the number of the second signal, as shells count it. */
  secondSigint: 130,
  secondSigterm: 143,
} as const;

/** How a command of the client ends. */
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];
