import type { Clock } from "../clock.ts";
import { Alarm } from "./alarm.ts";
import { resendOf, type StatusFrame } from "./frame.ts";
import type { Member } from "./member.ts";
import type { Carrier, DeliveryEvents } from "./ports.ts";
import { costOf, type Kept, type ResendBuffer } from "./resend-buffer.ts";

/** What it works with. */
export type RepairsParts = {
  readonly clock: Clock;
  readonly carrier: Carrier;
  readonly events: DeliveryEvents;
  readonly buffer: ResendBuffer;
  readonly members: ReadonlyMap<string, Member>;
};

/** Who asks within this time is served together. */
const COLLECT_MS = 20;
/** Those who were served by one list ask for more a little apart: by another pass for each they would cost as much as single copies. */
const COLLECT_LIST_MS = 60;
/** While what this client sends waits at the relay. */
const COLLECT_CONGESTED_MS = 500;
const CONGESTED_BUDGET_BYTES = 65_536;
const MAX_BUDGET_BYTES = 524_288;
/** Fewer who lack the same never get it by a message to all. */
const MIN_ASKERS_FOR_ALL = 3;
/** Nor do more, where the relay takes lists, unless they are this part of those who are here: the others would get it for nothing. */
const MIN_SHARE_FOR_ALL = 0.5;
/** Who lacks something asks for it, again and again, within this time. */
const ASKS_AGAIN_MS = 3500;
/** What went to all is not sent again for so long, but to who was not here. */
const HOLD_OFF_MS = 1000;
/** A request that comes so soon after a repair has crossed it: the receiver waits for longer before it asks again. */
const CROSSED_MS = 250;
/** After one's own return, or that of the first of several, those who are on their way are waited for: else each costs a repair. */
const RETURN_MS = 1500;
/** Sent at a time, before new messages have their turn. */
const TURN_BYTES = 131_072;

/** Sends again what others ask for: collected, bounded, and once for all who lack the same: to a list of them, or to all members. */
export class Repairs {
  readonly #parts: RepairsParts;
  readonly #collecting: Alarm;
  readonly #askers = new Set<Member>();
  /** Who has asked or come back lately, the last one at the end. */
  readonly #lacking = new Set<Member>();
  /** Those for whom the queue was made. */
  readonly #served = new Set<Member>();
  #queue: { readonly seq: number; readonly members: Set<Member> }[] = [];
  #position = 0;
  #rejoinedAtMs = Number.NEGATIVE_INFINITY;
  /** When the first of several came back who had been away together. */
  #returnedAtMs = Number.NEGATIVE_INFINITY;
  #isConnected = false;
  #isCongested = false;
  /** The last repairs went to a list. */
  #wasList = false;

  constructor(parts: RepairsParts) {
    this.#parts = parts;
    this.#collecting = new Alarm(parts.clock, () => this.#collect());
  }

  joined(): void {
    this.#isConnected = true;
    this.#isCongested = false;
    this.#rejoinedAtMs = this.#parts.clock.monotonicMs();
  }

  disconnected(): void {
    this.#isConnected = false;
    this.#collecting.cancel();
    for (const member of this.#askers) member.wanted = undefined;
    this.#askers.clear();
    this.#lacking.clear();
    this.#served.clear();
    this.#queue = [];
    this.#position = 0;
  }

  congestion(isCongested: boolean): void {
    this.#isCongested = isCongested;
  }

  /** Somebody is here, who may be the last that was waited for. @param returned where it was here before */
  memberBack(returned: Member | undefined): void {
    if (returned !== undefined && !returned.isOwnAbsence) this.#lacks(returned, "before");
    const nowMs = this.#parts.clock.monotonicMs();
    const isNext = nowMs > this.#returnedAtMs + 2 * RETURN_MS;
    if (isNext && this.#awayCount() >= MIN_ASKERS_FOR_ALL) this.#returnedAtMs = nowMs;
    if (this.#askers.size > 0 && this.#returnMs() === 0) this.#collecting.within(COLLECT_MS);
  }

  asked(member: Member, { ranges, byteBudget }: Pick<StatusFrame, "ranges" | "byteBudget">): void {
    if (byteBudget === 0) return;
    member.wanted = { ranges, byteBudget: Math.min(byteBudget, MAX_BUDGET_BYTES) };
    this.#lacks(member, ranges);
    this.#askers.add(member);
    const collectMs = this.#wasList ? COLLECT_LIST_MS : COLLECT_MS;
    this.#collecting.within(Math.max(this.#isCongested ? COLLECT_CONGESTED_MS : collectMs, this.#returnMs()));
  }

  /** What it was sent again just now may have been lost on the way. */
  rerouted(member: Member): void {
    const { from, to, atMs } = member.served;
    member.served = { from: 0, to: 0, atMs: Number.NEGATIVE_INFINITY };
    if (this.#parts.clock.monotonicMs() - atMs >= CROSSED_MS) return;
    this.asked(member, { ranges: [{ from, count: to - from + 1 }], byteBudget: MAX_BUDGET_BYTES });
  }

  /** Sends what waits, as far as there is room. */
  send(): void {
    const { carrier, buffer, clock } = this.#parts;
    let leftBytes = TURN_BYTES;
    while (this.#isConnected && carrier.isWritable && leftBytes > 0 && this.#position < this.#queue.length) {
      const repair = this.#queue[this.#position];
      this.#position += 1;
      const kept = repair && buffer.get(repair.seq);
      if (repair === undefined || kept === undefined) continue;
      const nowMs = clock.monotonicMs();
      const here = [...repair.members].filter((member) => member.isHere && kept.repairedAtMs < missedMs(member, nowMs));
      if (here.length === 0) continue;
      leftBytes -= costOf(kept.frame);
      if (this.#isForAll(repair.seq, kept, here.length)) {
        kept.repairedAtMs = nowMs;
        carrier.toAll(resendOf(kept.frame));
      } else {
        const sids = here.map(({ sid }) => sid);
        carrier.toPeers(sids, resendOf(kept.frame));
        this.#wasList = sids.length >= MIN_ASKERS_FOR_ALL;
      }
    }
    if (this.#position < this.#queue.length) return;
    this.#queue = [];
    this.#position = 0;
    this.#served.clear();
  }

  /** Whether one message to all is the better one. Many who lack the same ask one after the other, as they come on. */
  #isForAll(seq: number, kept: Kept, askerCount: number): boolean {
    const { carrier, clock, members } = this.#parts;
    if (!carrier.hasLists) return askerCount >= MIN_ASKERS_FOR_ALL;
    const minCount = Math.max(MIN_ASKERS_FOR_ALL, (members.size - this.#awayCount()) * MIN_SHARE_FOR_ALL);
    if (askerCount >= minCount) return true;
    if (this.#lacking.size < minCount) return false;
    const nowMs = clock.monotonicMs();
    let count = 0;
    for (const member of this.#lacking) if (lacks(member, seq, kept, nowMs)) count += 1;
    return count >= minCount;
  }

  #lacks(member: Member, ranges: Member["missing"]["ranges"]): void {
    const nowMs = this.#parts.clock.monotonicMs();
    member.missing = { ranges, atMs: nowMs };
    this.#lacking.delete(member);
    this.#lacking.add(member);
    for (const oldest of this.#lacking) {
      if (oldest.missing.atMs >= nowMs - ASKS_AGAIN_MS) return;
      this.#lacking.delete(oldest);
    }
  }

  /** How long those who are on their way back are still waited for. */
  #returnMs(): number {
    const waitMs = Math.max(this.#rejoinedAtMs, this.#returnedAtMs) + RETURN_MS - this.#parts.clock.monotonicMs();
    return waitMs > 0 && this.#awayCount() > 0 ? waitMs : 0;
  }

  #awayCount(): number {
    let count = 0;
    for (const { isHere } of this.#parts.members.values()) if (!isHere) count += 1;
    return count;
  }

  #collect(): void {
    this.send();
    if (!this.#isConnected) return;
    // Who asks while others are served gets the rest with them. Who is served itself may have more on its way than it knows of.
    const askers = [...this.#askers].filter((member) => !this.#served.has(member));
    if (askers.length > 0) {
      const plan = new Map(this.#queue.slice(this.#position).map(({ seq, members }) => [seq, members]));
      for (const member of askers) {
        this.#askers.delete(member);
        this.#served.add(member);
        this.#plan(member, plan);
      }
      this.#queue = [...plan].map(([seq, members]) => ({ seq, members })).toSorted((a, b) => a.seq - b.seq);
      this.#position = 0;
      this.send();
    }
    if (this.#queue.length > 0 || this.#askers.size > 0) this.#collecting.within(COLLECT_MS);
  }

  /** What one asker gets now: in order, at least one message, else no more than it has room for. */
  #plan(member: Member, plan: Map<number, Set<Member>>): void {
    const { buffer, clock, events } = this.#parts;
    const { wanted } = member;
    member.wanted = undefined;
    if (wanted === undefined || member.isCongested || !member.isHere) return;
    const nowMs = clock.monotonicMs();
    let leftBytes = this.#isCongested ? Math.min(wanted.byteBudget, CONGESTED_BUDGET_BYTES) : wanted.byteBudget;
    const { served } = member;
    const hasCrossed = nowMs - served.atMs < CROSSED_MS;
    const now = { from: Number.POSITIVE_INFINITY, to: 0, atMs: nowMs };
    for (const { from, count } of wanted.ranges) {
      for (let seq = Math.max(from, buffer.floor); seq < from + count && leftBytes > 0; seq += 1) {
        const kept = buffer.get(seq);
        if (kept?.sentAtMs === undefined) break;
        if (hasCrossed && seq >= served.from && seq <= served.to) continue;
        if (kept.repairedAtMs >= missedMs(member, nowMs)) continue;
        if (!member.repairBytes.take(costOf(kept.frame))) return events.onFault(member.sid, "flood");
        leftBytes -= costOf(kept.frame);
        const others = plan.get(seq);
        if (others === undefined) plan.set(seq, new Set([member]));
        else others.add(member);
        now.from = Math.min(now.from, seq);
        now.to = Math.max(now.to, seq);
      }
    }
    if (now.to > 0) member.served = now;
  }
}

/** Whether it lacks this, as far as it has told lately, or its absence tells, and it is not on its way there. */
function lacks(member: Member, seq: number, { sentAtMs = 0, repairedAtMs }: Kept, nowMs: number): boolean {
  const { isHere, base, confirmed = 0, hereSinceMs, missing, served } = member;
  if (!isHere || seq < confirmed || missing.atMs < Math.max(hereSinceMs, nowMs - ASKS_AGAIN_MS)) return false;
  if (repairedAtMs >= missedMs(member, nowMs)) return false;
  if (served.atMs >= nowMs - HOLD_OFF_MS && seq >= served.from && seq <= served.to) return false;
  if (missing.ranges === "before") return seq > base && sentAtMs < hereSinceMs;
  return missing.ranges.some(({ from, count }) => seq >= from && seq < from + count);
}

/** What went to all at or after this time has reached this member, or is on its way. */
function missedMs(member: Member, nowMs: number): number {
  return Math.max(member.hereSinceMs, nowMs - HOLD_OFF_MS);
}
