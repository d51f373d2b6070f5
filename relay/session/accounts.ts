/** Who is registered with a dialect, as an operator sees it. */
export type Account = {
  /** Not shown: it is known by its hash. */
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly registeredAtMs: number;
  readonly connectionCount: number;
};

/** The accounts of a dialect, for who runs the relay. Implemented by dialects that keep some. */
export interface Accounts {
  /** What they are: `agent`, `mesh`. */
  readonly kind: string;
  readonly count: number;
  /** All of them, oldest first. */
  all(): Iterable<Account>;
  /**
   * Takes an account back, and ends its connections: at once, though keeping it may fail. Resolves when that is kept.
   * @throws StateError where it is not: after a restart the account is back.
   */
  revoke(id: string): Promise<void>;
}
