/** The kernel takes a write at once while it has room: one that took longer waited for the peer to take what was before. */
const LATE_WRITE_MS = 100;

/**
 * Whether a peer is still there, as far as its socket shows. Asking the socket's own count keeps the hot path free of
 * book-keeping, and sees pongs and the parts of a large frame on a slow line too.
 */
export class SignsOfLife {
  #bytesHeard = -1;
  #writeBeganMs = 0;
  #hasDrainedLate = false;

  writing(nowMs: number): void {
    this.#writeBeganMs = nowMs;
  }

  written(nowMs: number): void {
    if (nowMs - this.#writeBeganMs >= LATE_WRITE_MS) this.#hasDrainedLate = true;
  }

  /** Whether there was one since this was last asked, the first time: ever. @param bytesRead of the socket, since it was opened. */
  ask(bytesRead: number): boolean {
    const isAlive = bytesRead !== this.#bytesHeard || this.#hasDrainedLate;
    this.#bytesHeard = bytesRead;
    this.#hasDrainedLate = false;
    return isAlive;
  }
}
