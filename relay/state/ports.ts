/** Why a change was not kept. A closed set: it is logged, and clients are told what follows from it. */
export type StateErrorCode =
  /** It would be more than may be kept: an option says how much. */
  | "state-full"
  /** The disk has no room. */
  | "disk-full"
  /** The disk is read-only, or not this user's. */
  | "state-denied"
  /** The disk fails, or is away. */
  | "state-unreachable"
  /** What is there is not what was written. */
  | "state-corrupt"
  /** Somebody else has written to it since. */
  | "state-shared";

/** A failure to keep something. The message names the place, and never what was to be kept. */
export class StateError extends Error {
  readonly code: StateErrorCode;

  constructor(code: StateErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "StateError";
    this.code = code;
  }
}

/** What becomes of records, by key: JSON text in one line; undefined where the record goes. */
export type Changes = ReadonlyMap<string, string | undefined>;

/**
 * Keeps tables of small records over restarts. A table's name is of `a-z`. A key has up to 512 characters, a record up to
 * 4 KiB; StateTable bounds how many there are. One process at a time uses a table.
 */
export interface StateStore {
  /** For people and for the log: `directory /var/lib/postern/accounts`. */
  readonly description: string;
  /** Makes the place ready, as far as that can be done ahead. @throws StateError where nothing can be saved as it is. */
  prepare(): Promise<void>;
  /** Whether what is kept is there after a restart, as far as can be known. */
  isLasting(): Promise<boolean>;
  /** @returns all records of a table, in the order in which they came; none where it was never saved. @throws StateError */
  load(table: string): Promise<ReadonlyMap<string, string>>;
  /**
   * Makes changes to a table that has been loaded. Once it resolves they survive a kill, all of them; where it rejects,
   * none is made. Not to be called again before it is over.
   * @throws StateError
   */
  save(table: string, changes: Changes): Promise<void>;
}
