import type { Clock, Timer } from "../clock.ts";
import { ConnectError, PosternError } from "../errors.ts";
import type { BackOff } from "../line/back-off.ts";
import type { RelayList } from "../relay.ts";
import { checkedAddresses } from "./addresses.ts";

/** A list is asked for again after so long; and earlier while none of its relays is reached. */
const REFRESH_MS = 3_600_000;
const REFRESH_DOWN_MS = 60_000;

/** What a listing needs of others. */
export type RelayListingParts = {
  readonly clock: Clock;
  readonly backOff: BackOff;
  readonly list: RelayList;
  /** Whether any relay is reached now. */
  readonly isReached: () => boolean;
  /** At least one, all of them addresses. */
  readonly onAddresses: (addresses: readonly string[]) => void;
  /** The list could not be had, or is no good; or it is, but something is to be said about it. */
  readonly onError: (error: PosternError) => void;
};

/** Asks where the relays are: at once, until it is told, and again from time to time. */
export class RelayListing {
  readonly #parts: RelayListingParts;
  #timer: Timer | undefined;
  #isOver = false;
  #hasList = false;

  constructor(parts: RelayListingParts) {
    this.#parts = parts;
    void this.#ask();
  }

  stop(): void {
    this.#isOver = true;
    this.#timer?.cancel();
  }

  /** Never rejects. */
  async #ask(): Promise<void> {
    const { list, backOff, onAddresses, onError } = this.#parts;
    const warn = (warning: PosternError): void => {
      if (!this.#isOver) onError(warning);
    };
    try {
      const addresses = checkedAddresses(await list({ warn }));
      if (this.#isOver) return;
      backOff.reset();
      this.#hasList = true;
      onAddresses(addresses);
    } catch (error) {
      warn(error instanceof PosternError ? error : new ConnectError("unreachable", { cause: error }));
    }
    if (!this.#hasList) this.#askAfter(backOff.nextMs());
    else this.#askAfter(REFRESH_DOWN_MS, REFRESH_MS);
  }

  /** @param reachedMs what is waited in all where a relay is reached. */
  #askAfter(delayMs: number, reachedMs = delayMs): void {
    if (this.#isOver) return;
    this.#timer = this.#parts.clock.after(delayMs, () => {
      if (reachedMs > delayMs && this.#parts.isReached()) this.#askAfter(delayMs, reachedMs - delayMs);
      else void this.#ask();
    });
  }
}
