/** So many are remembered. */
const MAX_SESSIONS = 1000;

/** A sign-in: its id, and until when it would be good, in milliseconds since the epoch. */
export type Session = { readonly id: string; readonly expiresAtMs: number };

/**
 * Sign-ins that were ended before their time, until that is over. Bounded: where it is full, all sign-ins end that were made
 * before, so that none comes to life again.
 */
export class EndedSessions {
  readonly #expiries = new Map<string, number>();
  /** Whatever would have ended by then is over. */
  #allUntilMs = 0;

  /** @param newestMs when a sign-in would expire that is made now. */
  end({ id, expiresAtMs }: Session, { nowMs, newestMs }: { readonly nowMs: number; readonly newestMs: number }): void {
    if (this.#expiries.size >= MAX_SESSIONS) this.#forgetExpired(nowMs);
    if (this.#expiries.size >= MAX_SESSIONS) {
      this.#allUntilMs = newestMs;
      this.#expiries.clear();
    }
    this.#expiries.set(id, expiresAtMs);
  }

  has({ id, expiresAtMs }: Session): boolean {
    return expiresAtMs <= this.#allUntilMs || this.#expiries.has(id);
  }

  #forgetExpired(nowMs: number): void {
    for (const [id, expiresAtMs] of this.#expiries) if (expiresAtMs <= nowMs) this.#expiries.delete(id);
  }
}
