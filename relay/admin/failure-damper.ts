import type { Clock } from "../clock.ts";

/** So many failed attempts of one client within the window, and the next ones are not looked at until it ends. */
const MAX_FAILURES = 10;
const WINDOW_MS = 60_000;
/** Clients that are remembered; the one that began first is forgotten for another. */
const MAX_CLIENTS = 1000;

/** Slows down those who guess. Bounded: guessing from many addresses costs no memory. */
export class FailureDamper {
  readonly #clock: Clock;
  readonly #failures = new Map<string, { readonly sinceMs: number; count: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  isDamped(client: string): boolean {
    const entry = this.#failures.get(client);
    if (entry === undefined) return false;
    if (this.#clock.monotonicMs() - entry.sinceMs < WINDOW_MS) return entry.count >= MAX_FAILURES;
    this.#failures.delete(client);
    return false;
  }

  failed(client: string): void {
    const entry = this.#failures.get(client);
    if (entry !== undefined) {
      entry.count += 1;
      return;
    }
    if (this.#failures.size >= MAX_CLIENTS) {
      const [oldest] = this.#failures.keys();
      if (oldest !== undefined) this.#failures.delete(oldest);
    }
    this.#failures.set(client, { sinceMs: this.#clock.monotonicMs(), count: 1 });
  }
}
