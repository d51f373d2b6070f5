/** A publish that takes no longer is one round trip of it, and holds nobody. */
const UNHELD_MS = 100;

/** Adds up how long each publisher waited. A publisher has one publish under way at most. */
export class HeldMeter {
  readonly #heldMs: number[];
  readonly #toldMs: number[];
  readonly #toldSinceMs: (number | undefined)[];

  constructor(memberCount: number) {
    this.#heldMs = Array.from({ length: memberCount }, () => 0);
    this.#toldMs = [...this.#heldMs];
    this.#toldSinceMs = this.#heldMs.map(() => undefined);
  }

  /** How long each publisher's publishes took, of those that took longer than 100 ms. */
  get heldMs(): readonly number[] {
    return this.#heldMs;
  }

  /** For how long each publisher's client said that it waited for others. */
  get toldMs(): readonly number[] {
    return this.#toldMs;
  }

  /** A publish has taken so long. */
  published(member: number, tookMs: number): void {
    if (tookMs > UNHELD_MS) this.#heldMs[member] = (this.#heldMs[member] ?? 0) + tookMs;
  }

  /** The client says that it waits for others, or no longer. */
  told(member: number, isHeld: boolean, atMs: number): void {
    const sinceMs = this.#toldSinceMs[member];
    if (isHeld) this.#toldSinceMs[member] ??= atMs;
    else if (sinceMs !== undefined) {
      this.#toldMs[member] = (this.#toldMs[member] ?? 0) + atMs - sinceMs;
      this.#toldSinceMs[member] = undefined;
    }
  }
}
