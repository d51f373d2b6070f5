import type { Clock } from "../clock.ts";
import type { SeqRange } from "./frame.ts";
import type { Sid } from "./ports.ts";
import type { Receiver } from "./receiver.ts";

/** What is kept of another member's session. */
export type Member = {
  readonly sid: Sid;
  /** What it sends. */
  readonly receiver: Receiver;
  isHere: boolean;
  /** Since when; what was sent to all before did not reach it. */
  hereSinceMs: number;
  /** Its absence began with one's own. */
  isOwnAbsence: boolean;
  /** It has said that its session ends. */
  isLeaving: boolean;
  /** The head when it was first seen: what is above it is owed. */
  readonly base: number;
  /** The first number that it lacks, as it last said; undefined: it has said nothing yet. */
  confirmed: number | undefined;
  /** What it was last asked to confirm. */
  askedHead: number;
  /** Its app reads. */
  hasRoom: boolean;
  /** What goes to it waits at the relay. */
  isCongested: boolean;
  readonly held: HeldTime;
  /** What it may ask for. */
  readonly requests: Allowance;
  readonly repairBytes: Allowance;
  /** What it asks for, until that is collected. */
  wanted: { readonly ranges: readonly SeqRange[]; readonly byteBudget: number } | undefined;
  /** What it lacked when it last asked, or came back: then all that was sent before, for all that is known. */
  missing: { readonly ranges: readonly SeqRange[] | "before"; readonly atMs: number };
  /** What it was last sent again, alone: a request that crossed it asks for the same. */
  served: { readonly from: number; to: number; atMs: number };
};

/** So much at once, and so much more a second. */
export class Allowance {
  readonly #clock: Clock;
  readonly #capacity: number;
  readonly #perMs: number;
  #left: number;
  #atMs: number;

  constructor(clock: Clock, capacity: number, perSecond: number) {
    this.#clock = clock;
    this.#capacity = capacity;
    this.#perMs = perSecond / 1000;
    this.#left = capacity;
    this.#atMs = clock.monotonicMs();
  }

  /** Whether anything is left. What is taken may go below it: the next waits the longer. */
  take(amount: number): boolean {
    const nowMs = this.#clock.monotonicMs();
    this.#left = Math.min(this.#capacity, this.#left + (nowMs - this.#atMs) * this.#perMs);
    this.#atMs = nowMs;
    if (this.#left <= 0) return false;
    this.#left -= amount;
    return true;
  }
}

const MINUTE_MS = 60_000;
/** Intervals that are so close together are kept as one. */
const MERGED_MS = 500;

/** How long somebody was waited for within the last minute. */
export class HeldTime {
  #spans: { readonly fromMs: number; untilMs: number; ms: number }[] = [];

  add(fromMs: number, untilMs: number): void {
    const last = this.#spans.at(-1);
    if (last !== undefined && untilMs - last.fromMs < MERGED_MS) {
      last.untilMs = untilMs;
      last.ms += untilMs - fromMs;
    } else this.#spans.push({ fromMs, untilMs, ms: untilMs - fromMs });
  }

  usedMs(nowMs: number): number {
    if (this.#spans.length === 0) return 0;
    this.#spans = this.#spans.filter(({ untilMs }) => untilMs > nowMs - MINUTE_MS);
    return this.#spans.reduce((sum, { ms }) => sum + ms, 0);
  }
}
