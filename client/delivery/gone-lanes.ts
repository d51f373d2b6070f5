import type { Clock } from "../clock.ts";
import { Alarm } from "./alarm.ts";
import type { LaneRest } from "./lane.ts";
import { costOf } from "./lane-sender.ts";
import type { Sid } from "./ports.ts";

/** So many peers that have gone are remembered, at least by their numbers. */
const MAX_GONE = 1024;
/** What they have not acknowledged is kept for so long, and so many bytes of it in all. */
const KEPT_MS = 60_000;
const MAX_KEPT_BYTES = 4 * 1024 * 1024;

type Gone = { rest: LaneRest; keptBytes: number; readonly untilMs: number };

/** What is left of the lanes to peers that have gone, should they come back: the oldest is given up first. */
export class GoneLanes {
  readonly #clock: Clock;
  readonly #gone = new Map<Sid, Gone>();
  readonly #expiry: Alarm;
  #keptBytes = 0;
  /** Above all numbers that were forgotten: none is given twice to one peer, even where nothing is known of it any more. */
  #firstSeq = 1;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#expiry = new Alarm(clock, () => this.#expire());
  }

  /** @param how where it will not return, its numbers are remembered alone. */
  add(sid: Sid, rest: LaneRest, { mayReturn }: { readonly mayReturn: boolean }): void {
    if (rest.first === this.#firstSeq && rest.next === 1 && rest.kept.length === 0) return;
    const keptBytes = rest.kept.reduce((sum, message) => sum + costOf(message), 0);
    const gone = { rest, keptBytes, untilMs: this.#clock.monotonicMs() + KEPT_MS };
    this.#gone.set(sid, gone);
    this.#keptBytes += keptBytes;
    if (!mayReturn) this.#giveUp(gone);
    this.#bound();
    if (this.#keptBytes > 0) this.#expiry.within(KEPT_MS);
  }

  /** With what a lane to this peer begins. It is the caller's from here on. */
  take(sid: Sid): LaneRest {
    const gone = this.#gone.get(sid);
    const first = this.#firstSeq;
    if (gone === undefined) return { first, confirmed: first, high: first, kept: [], next: 1 };
    this.#gone.delete(sid);
    this.#keptBytes -= gone.keptBytes;
    return gone.rest;
  }

  /** Forgets all. */
  close(): void {
    this.#expiry.cancel();
    this.#gone.clear();
  }

  #bound(): void {
    for (const [sid, gone] of this.#gone) {
      if (this.#gone.size <= MAX_GONE && this.#keptBytes <= MAX_KEPT_BYTES) return;
      this.#giveUp(gone);
      if (this.#gone.size <= MAX_GONE) continue;
      this.#gone.delete(sid);
      this.#firstSeq = Math.max(this.#firstSeq, gone.rest.first);
    }
  }

  #expire(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const gone of this.#gone.values()) {
      if (gone.untilMs > nowMs) return this.#expiry.set(gone.untilMs - nowMs);
      this.#giveUp(gone);
    }
  }

  /** Its numbers stay known: the peer is told how much it has missed. */
  #giveUp(gone: Gone): void {
    const { first, confirmed, kept, next } = gone.rest;
    const end = first + kept.length;
    gone.rest = { first: end, confirmed, high: end, kept: [], next };
    this.#keptBytes -= gone.keptBytes;
    gone.keptBytes = 0;
  }
}
