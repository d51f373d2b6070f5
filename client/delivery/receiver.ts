import type { Clock } from "../clock.ts";
import { Alarm } from "./alarm.ts";
import {
  FRAME_COST_BYTES,
  MAX_RANGES,
  type MessageFrame,
  type SeqRange,
  type StatusFrame,
  type SyncFrame,
} from "./frame.ts";
import type { DeliveryPolicy } from "./policy.ts";
import type { DeliveryEvents, Sid } from "./ports.ts";

/** What all receivers of a topic share: bounds. */
export type Inbound = {
  /** What waits for a gap or for the app, of all senders. */
  heldBytes: number;
  readonly maxHeldBytes: number;
  /** Of one sender. */
  readonly maxHeldBytesEach: number;
  /** Who owes repairs now. */
  readonly asking: Set<Receiver>;
};

/** What it works with. */
export type ReceiverParts = {
  readonly clock: Clock;
  readonly events: DeliveryEvents;
  readonly policy: DeliveryPolicy;
  readonly inbound: Inbound;
  /** Sends a status to this sender. */
  readonly tell: (status: Omit<StatusFrame, "seq">) => void;
};

const FIRST_RETRY_MS = 300;
const MAX_RETRY_MS = 3000;
const MAX_TRIES = 4;
/** A silence of so many times that between two repairs means that the rest is lost: large ones come slowly, and one may be missing. */
const SILENT_REPAIRS = 6;
const MIN_REPAIR_BYTES = 32_768;
/** Between two replies: a sender may ask as often as it likes. */
const REPLY_INTERVAL_MS = 20;
const MAX_RANGE_COUNT = 65_535;

/** The messages of one sender: puts them in order, asks for what is missing, tells what will never come. */
export class Receiver {
  readonly #parts: ReceiverParts;
  readonly #sid: Sid;
  readonly #held = new Map<number, Uint8Array>();
  readonly #asking: Alarm;
  readonly #replying: Alarm;
  /** The next to release; undefined: it is not known yet from where on this end is owed. */
  #next: number | undefined;
  #head = 0;
  #floor = 0;
  #firstLive = Number.POSITIVE_INFINITY;
  #heldBytes = 0;
  #askedBytes = 0;
  #outstandingBytes = 0;
  /** Asked for before the last request, of several in a row that nothing came for: it was late, not lost, if something comes. */
  #lateBytes = 0;
  #tries = 0;
  #repairedAtMs = 0;
  #retryMs = FIRST_RETRY_MS;
  /** A status is owed as soon as this number was released. */
  #replyHead: number | undefined;
  #repliedAtMs = Number.NEGATIVE_INFINITY;
  #tooLarge = 0;
  #omitted = 0;
  #hasOverflowed = false;
  #toldNoRoom = false;
  #isAway = false;

  /** @param next where an earlier receiver of this session has stopped. */
  constructor(parts: ReceiverParts, sid: Sid, next: number | undefined) {
    this.#parts = parts;
    this.#sid = sid;
    this.#next = next;
    if (next !== undefined) this.#head = next - 1;
    this.#asking = new Alarm(parts.clock, () => this.#ask(undefined));
    this.#replying = new Alarm(parts.clock, () => this.#settle());
  }

  get next(): number | undefined {
    return this.#next;
  }

  message({ seq, isResend, payload }: MessageFrame): void {
    this.#head = Math.max(this.#head, seq);
    if (this.#next === undefined && !isResend) {
      this.#firstLive = Math.min(this.#firstLive, seq);
      if (seq === 1) this.#next = 1;
    }
    const isDuplicate = seq < (this.#next ?? 0) || this.#held.has(seq);
    if (!isDuplicate) {
      if (seq === this.#next && this.#parts.events.hasRoom()) this.#release(payload);
      else this.#hold(seq, payload);
      this.#goOn();
    }
    if (isResend && this.#parts.policy.countsAsRepair({ isDuplicate })) this.#repaired(payload);
  }

  sync({ base, head, floor, wantsReply }: SyncFrame, isAddressed: boolean): void {
    this.#head = Math.max(this.#head, head);
    const isBaseValid = isAddressed && base !== undefined;
    if (isBaseValid) {
      if (this.#next === undefined) this.#start(this.#parts.policy.baseline(base, this.#firstLive) + 1);
      // Only an addressed sync tells what will never come: a sync to all may be older than what is on its way here.
      this.#floor = Math.max(this.#floor, floor);
    } else if (head === 0) this.#next ??= 1;
    if (isBaseValid || wantsReply) this.#replyHead = Math.max(this.#replyHead ?? 0, head);
    this.#goOn();
  }

  /** The relay has left out so many of its messages. */
  omitted(count: number, isTooLarge: boolean): void {
    if (isTooLarge) this.#tooLarge += count;
    else this.#omitted += count;
    this.#goOn();
  }

  roomAgain(): void {
    if (this.#toldNoRoom) this.#replyHead ??= 0;
    this.#goOn();
  }

  away(): void {
    this.#isAway = true;
    this.#asking.cancel();
    this.#replying.cancel();
    this.#stopAsking();
  }

  back(): void {
    this.#isAway = false;
    // What was said of an earlier connection is over: the sender repairs what the relay has left out.
    this.#tooLarge = 0;
    this.#omitted = 0;
    // It was here all the time, and what it was asked on the other way may be lost.
    if (this.#parts.inbound.asking.has(this)) this.#asking.within(this.#parts.policy.askDelayMs());
    this.#goOn();
  }

  /**
   * Nothing more will come: releases what is held, and tells what is missing.
   * @returns whether all of it is told; not while the app has no room. Then call it again.
   */
  finish(): boolean {
    this.away();
    const isEmpty = this.#next === undefined ? this.#held.size === 0 : this.#next > this.#head;
    // Nothing is decided before it can be told: until then the sender may be back, and say what it owes.
    if (!isEmpty && !this.#parts.events.hasRoom()) return false;
    // It left before it could say what it owes: what came live is all there is.
    if (this.#next === undefined && Number.isFinite(this.#firstLive)) this.#start(this.#firstLive);
    if (this.#next === undefined) {
      this.#drop();
      return true;
    }
    this.#pump(this.#head + 1);
    if (this.#next <= this.#head) return false;
    // The tail of a sender that left before this end had room: its numbers were never seen.
    if (this.#omitted > 0) this.#parts.events.onLost(this.#sid, this.#omitted);
    this.#omitted = 0;
    return true;
  }

  /** Forgets all. */
  close(): void {
    this.away();
    this.#drop();
  }

  #drop(): void {
    this.#parts.inbound.heldBytes -= this.#heldBytes;
    this.#heldBytes = 0;
    this.#held.clear();
  }

  #start(next: number): void {
    this.#next = next;
    for (const seq of this.#held.keys()) if (seq < next) this.#take(seq);
  }

  #release(payload: Uint8Array): void {
    this.#next = (this.#next ?? 0) + 1;
    this.#parts.events.onMessage(this.#sid, payload);
  }

  #hold(seq: number, payload: Uint8Array): void {
    const { inbound, events } = this.#parts;
    const cost = payload.byteLength + FRAME_COST_BYTES;
    if (this.#heldBytes + cost > inbound.maxHeldBytesEach || inbound.heldBytes + cost > inbound.maxHeldBytes) {
      if (!this.#hasOverflowed && events.hasRoom()) events.onFault(this.#sid, "overflow");
      this.#hasOverflowed = true;
      return;
    }
    this.#held.set(seq, payload);
    this.#heldBytes += cost;
    inbound.heldBytes += cost;
  }

  #take(seq: number): Uint8Array | undefined {
    const payload = this.#held.get(seq);
    if (payload === undefined) return;
    this.#held.delete(seq);
    this.#heldBytes -= payload.byteLength + FRAME_COST_BYTES;
    this.#parts.inbound.heldBytes -= payload.byteLength + FRAME_COST_BYTES;
    return payload;
  }

  #goOn(): void {
    this.#pump();
    this.#settle();
  }

  /** Releases what can be, and tells each jump in its place. */
  #pump(floor = this.#floor): void {
    let order: number[] | undefined;
    let index = 0;
    while (this.#next !== undefined) {
      const next = this.#next;
      if (this.#held.has(next)) {
        if (!this.#parts.events.hasRoom()) return;
        const payload = this.#take(next);
        if (payload !== undefined) this.#release(payload);
        continue;
      }
      if (next > this.#head || (next >= floor && this.#tooLarge === 0)) return;
      order ??= [...this.#held.keys()].toSorted((a, b) => a - b);
      while ((order[index] ?? next) < next) index += 1;
      const gapEnd = order[index] ?? this.#head + 1;
      if (next < floor) this.#jump(Math.min(floor, gapEnd) - next);
      else if (gapEnd - next > this.#tooLarge) return;
      else {
        this.#tooLarge -= gapEnd - next;
        this.#jump(gapEnd - next);
      }
    }
  }

  #jump(count: number): void {
    this.#next = (this.#next ?? 0) + count;
    this.#parts.events.onLost(this.#sid, count);
  }

  /** Asks and replies as what is here wants it. */
  #settle(): void {
    if (this.#isAway) return;
    const hasRoom = this.#parts.events.hasRoom();
    const isBehind = this.#isBehind();
    if (!isBehind) this.#stopAsking();
    else if (hasRoom)
      this.#asking.within(this.#parts.inbound.asking.has(this) ? MAX_RETRY_MS : this.#parts.policy.askDelayMs());
    if (!isBehind && this.#held.size === 0) this.#hasOverflowed = false;
    if (this.#replyHead === undefined || this.#next === undefined) return;
    if (hasRoom ? this.#next <= this.#replyHead : this.#toldNoRoom && this.#next <= this.#replyHead) return;
    this.#reply(hasRoom);
  }

  #reply(hasRoom: boolean): void {
    const waitMs = this.#repliedAtMs + REPLY_INTERVAL_MS - this.#parts.clock.monotonicMs();
    if (waitMs > 0) return this.#replying.within(waitMs);
    this.#repliedAtMs = this.#parts.clock.monotonicMs();
    if ((this.#next ?? 0) > (this.#replyHead ?? 0)) this.#replyHead = undefined;
    this.#tell(hasRoom ? this.#budgetBytes() : 0, []);
  }

  /** Whether something is missing that has been sent. */
  #isBehind(): boolean {
    if (this.#next === undefined) return this.#head > 0;
    return this.#head + 1 - this.#next > this.#held.size;
  }

  #budgetBytes(): number {
    const { inbound, policy } = this.#parts;
    let otherBytes = 0;
    for (const other of inbound.asking) if (other !== this) otherBytes += other.#outstandingBytes;
    return policy.repairBudgetBytes(Math.max(1, inbound.asking.size), otherBytes);
  }

  /** @param knownBytes what is still on its way; undefined: not known, because nothing has come for a while. */
  #ask(knownBytes: number | undefined): void {
    if (this.#isAway || !this.#isBehind() || !this.#parts.events.hasRoom()) return this.#settle();
    this.#parts.inbound.asking.add(this);
    // Half of it, and less with each try: what was asked for before may still be on its way.
    const budgetBytes = this.#budgetBytes() >>> (knownBytes === undefined ? this.#tries + 1 : 0);
    const bytes = Math.max(1, Math.max(budgetBytes, MIN_REPAIR_BYTES) - (knownBytes ?? 0));
    if (knownBytes === undefined) {
      if (this.#tries < MAX_TRIES) this.#lateBytes = this.#tries === 0 ? 0 : this.#lateBytes + this.#outstandingBytes;
      this.#repairedAtMs = this.#parts.clock.monotonicMs();
    }
    this.#askedBytes = bytes + (knownBytes ?? 0);
    this.#outstandingBytes = this.#askedBytes;
    this.#asking.set(Math.min(this.#retryMs * 2 ** this.#tries, MAX_RETRY_MS));
    this.#tries = Math.min(this.#tries + 1, MAX_TRIES);
    this.#tell(bytes, this.#next === undefined ? [] : this.#missing(this.#next));
  }

  #stopAsking(): void {
    this.#asking.cancel();
    this.#tries = 0;
    this.#retryMs = FIRST_RETRY_MS;
    this.#outstandingBytes = 0;
    this.#lateBytes = 0;
    this.#parts.inbound.asking.delete(this);
  }

  /** A repair came: the next request follows when nearly all of it is here, and not while it comes. */
  #repaired(payload: Uint8Array): void {
    if (!this.#parts.inbound.asking.has(this)) return;
    this.#askedBytes += this.#lateBytes;
    this.#outstandingBytes += this.#lateBytes - payload.byteLength - FRAME_COST_BYTES;
    this.#outstandingBytes = Math.max(0, this.#outstandingBytes);
    this.#lateBytes = 0;
    this.#tries = 0;
    const nowMs = this.#parts.clock.monotonicMs();
    const silenceMs = Math.min(SILENT_REPAIRS * (nowMs - this.#repairedAtMs), MAX_RETRY_MS);
    this.#repairedAtMs = nowMs;
    this.#retryMs = Math.max(FIRST_RETRY_MS, silenceMs, this.#retryMs / 2);
    if (this.#outstandingBytes * 10 <= this.#askedBytes) this.#ask(this.#outstandingBytes);
    else this.#asking.set(this.#retryMs);
  }

  #missing(next: number): SeqRange[] {
    const ranges: SeqRange[] = [];
    let from = next;
    for (const seq of [...this.#held.keys()].toSorted((a, b) => a - b)) {
      if (ranges.length === MAX_RANGES) return ranges;
      if (seq > from) ranges.push({ from, count: Math.min(seq - from, MAX_RANGE_COUNT) });
      from = seq + 1;
    }
    if (from <= this.#head && ranges.length < MAX_RANGES) {
      ranges.push({ from, count: Math.min(this.#head + 1 - from, MAX_RANGE_COUNT) });
    }
    return ranges;
  }

  #tell(byteBudget: number, ranges: readonly SeqRange[]): void {
    this.#toldNoRoom = byteBudget === 0;
    this.#parts.tell({ next: this.#next ?? 0, byteBudget, ranges, hasState: this.#next !== undefined });
  }
}
