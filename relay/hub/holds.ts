import { HeldMessage, Hold, type Tell } from "./hold.ts";
import type { Peer } from "./peer.ts";
import type { HubEvent, MemberIdentity, SlowReason, TurnTime } from "./ports.ts";
import { Remains } from "./remains.ts";
import type { Member } from "./topic.ts";
import { type Owed, WaitingLine } from "./waiting-line.ts";

/** When a reader counts as slow, what becomes of it, and how much may be held for those that are. */
export type HoldsOptions = {
  readonly outboxHighWaterBytes: number;
  /** "close" slows nobody: a peer that is still congested at the next check is ended. */
  readonly slowReaderPolicy: "pause" | "close";
  /** Above this in all, who has more than one message held is not read. */
  readonly maxHeldBytes: number;
  /** What is held of a connection that has closed may still be delivered for so long. */
  readonly drainTimeoutMs: number;
};

/** What the holds ask of the hub. */
export type HoldsParts = {
  readonly time: TurnTime;
  /** Gives one member an event, as it is due. */
  readonly give: (to: Member, event: HubEvent) => void;
  /** A peer without room is given a round of what it is owed: so it may be told what members show. */
  readonly onRound: (peer: Peer<Member>) => void;
  /** Gives a sender a frame about its own holds. */
  readonly tell: Tell;
  /** Something was given outside of an operation of the hub. */
  readonly afterGiving: () => void;
  /** So many messages will never reach their receivers. */
  readonly onLost: (why: "sender-gone" | "deadline", count: number) => void;
};

/** A congested outbox is served again when it is down to this part of the high-water mark. */
const LOW_WATER_DIVISOR = 4;
/** What a held message costs beside its payload: its event, and its places in lines. */
const HELD_OVERHEAD_BYTES = 512;
/** The bound of all holds is felt until this part of it is left, so that nobody is stopped and let go in turns. */
const RELAXED_RATIO = 0.75;
/** How often a sender that is not read is told so again. */
const REPEAT_MS = 5000;

/**
 * Lossless backpressure. A receiver with room gets a message at once; a receiver without is owed it, and the message is
 * held at its sender until then. So who reads does not wait for who does not, and a sender that goes on is not read.
 * @see docs/protocol.md#backpressure
 */
export class Holds {
  readonly #options: HoldsOptions;
  readonly #parts: HoldsParts;
  readonly #lowWaterBytes: number;
  readonly #congested = new Set<Peer<Member>>();
  readonly #lines = new Map<Peer<Member>, WaitingLine>();
  readonly #holds = new Map<Peer<Member>, Hold>();
  #byteCount = 0;
  #isTight = false;
  #pauseCount = 0;

  constructor(options: HoldsOptions, parts: HoldsParts) {
    this.#options = options;
    this.#parts = parts;
    this.#lowWaterBytes = Math.floor(options.outboxHighWaterBytes / LOW_WATER_DIVISOR);
  }

  /** How often a sender was not read for its holds since the start. */
  get pauseCount(): number {
    return this.#pauseCount;
  }

  /** Peers that have no room now. */
  get congestedCount(): number {
    return this.#congested.size;
  }

  /** What is held now, in all. */
  get byteCount(): number {
    return this.#byteCount;
  }

  /** A peer's outbox went above the high-water mark. Idempotent. */
  congested(peer: Peer<Member>): void {
    if (this.#congested.has(peer) || peer.isOver) return;
    this.#congested.add(peer);
    peer.link.whenBelow(this.#lowWaterBytes, () => this.#serve(peer));
  }

  /** Holds an event at its sender for those who have no room. @param owedTo at least one, each once. */
  hold(from: Peer<Member>, event: HubEvent, owedTo: readonly Member[]): void {
    let hold = this.#holds.get(from);
    if (hold === undefined) {
      hold = new Hold(from, this.#parts.tell);
      this.#holds.set(from, hold);
    }
    const kept = "payload" in event ? { ...event, payload: event.payload.keep() } : event;
    const byteLength = HELD_OVERHEAD_BYTES + ("payload" in event ? event.payload.byteLength : 0);
    const message = new HeldMessage(kept, byteLength, hold, owedTo);
    for (const to of owedTo) this.#lineFor(to.peer).push({ message, to });
    this.#byteCount += byteLength;
    message.topic?.holdMore(1, byteLength);
    hold.add(message, this.#parts.time.nowMs);
    if (!this.#isTight && this.#byteCount > this.#options.maxHeldBytes) this.#tighten();
    if (hold.isAboveLimit(this.#isTight)) this.#pause(hold);
  }

  /**
   * A member has another name: what was owed to it under the old one is owed to it all the same.
   * @param isWelcomed it was told anew who is there.
   */
  renamed(before: Member, after: Member, how: { readonly isWelcomed: boolean }): void {
    for (const owed of this.#lines.get(after.peer)?.move(before, after, how) ?? []) {
      this.#settle(owed, { isFreed: false });
    }
  }

  /** A member has left: it gets nothing more. What is held of it stays, for the others. */
  left(member: Member): void {
    for (const owed of this.#lines.get(member.peer)?.takeFor(member) ?? []) this.#settle(owed, { isFreed: false });
  }

  /** A peer gets nothing more and congests nobody: it is over. */
  gone(peer: Peer<Member>): void {
    this.#congested.delete(peer);
    const line = this.#lines.get(peer);
    this.#lines.delete(peer);
    for (const owed of line?.takeFor() ?? []) this.#settle(owed, { isFreed: true });
  }

  /**
   * A connection has closed as it should: what is held of it is still delivered, for a while. Not where all holds together
   * are above their bound: closed connections are not counted, and whoever comes and goes could fill the memory.
   */
  outlive(peer: Peer<Member>): void {
    const hold = this.#holds.get(peer);
    if (hold === undefined) return;
    if (this.#isTight) this.#giveUp(hold, "deadline");
    else hold.outlive(this.#parts.time.nowMs + this.#options.drainTimeoutMs);
  }

  /**
   * Gives up what is held of a peer that was cut off.
   * @returns for each of its members, who never heard that it came: to them it has not left either.
   */
  discard(peer: Peer<Member>): ReadonlyMap<MemberIdentity, ReadonlySet<Peer<Member>>> {
    const hold = this.#holds.get(peer);
    return hold === undefined ? new Map() : this.#giveUp(hold, "sender-gone");
  }

  /** Those who have taken too little for too long, one after the other: who was ended may have freed the next. */
  *overdue(): Iterable<readonly [Peer<Member>, SlowReason | "outbox-full"]> {
    for (const peer of this.#congested) {
      const fault = this.#options.slowReaderPolicy === "close" ? "outbox-full" : peer.link.judge();
      if (fault !== undefined) yield [peer, fault];
    }
  }

  /** Whether a peer is still owed the news that this member came. */
  hasNewcomer(to: Peer<Member>, member: MemberIdentity): boolean {
    return this.#lines.get(to)?.hasNewcomer(member) === true;
  }

  /** Tells those who are not read that they are heard of, and gives up what was held for too long. A few times a second. */
  lookAround(): void {
    const { nowMs } = this.#parts.time;
    for (const hold of this.#holds.values()) {
      if (hold.deadlineMs !== undefined && hold.deadlineMs <= nowMs) this.#giveUp(hold, "deadline");
      else hold.repeat(nowMs, REPEAT_MS);
    }
  }

  #lineFor(peer: Peer<Member>): WaitingLine {
    let line = this.#lines.get(peer);
    if (line === undefined) {
      line = new WaitingLine();
      this.#lines.set(peer, line);
    }
    return line;
  }

  /** One round: of each sender that waits one message, as far as there is room. The next round is in the next turn. */
  #serve(peer: Peer<Member>): void {
    if (peer.isOver) return;
    this.#giveRound(peer);
    this.#parts.onRound(peer);
    this.#parts.afterGiving();
    if (peer.isOver) return;
    const line = this.#lines.get(peer);
    if (!peer.outbox.isBelowHighWater) peer.link.whenBelow(this.#lowWaterBytes, () => this.#serve(peer));
    else if (line !== undefined && !line.isEmpty) this.#parts.time.nextTurn(() => this.#serve(peer));
    else {
      this.#lines.delete(peer);
      this.#congested.delete(peer);
      peer.outbox.relieve();
    }
  }

  #giveRound(peer: Peer<Member>): void {
    const line = this.#lines.get(peer);
    for (let left = line?.senderCount ?? 0; left > 0 && !peer.isOver && peer.outbox.isBelowHighWater; left -= 1) {
      const owed = line?.shift();
      if (owed === undefined) continue;
      this.#parts.give(owed.to, owed.message.event);
      this.#settle(owed, { isFreed: false });
    }
  }

  #settle({ message }: Owed, how: { readonly isFreed: boolean }): void {
    if (!message.settle()) return;
    const { hold } = message;
    this.#byteCount -= message.byteLength;
    message.topic?.holdMore(-1, -message.byteLength);
    hold.remove(message);
    if (this.#isTight && this.#byteCount <= this.#options.maxHeldBytes * RELAXED_RATIO) this.#relax();
    if (!hold.isAboveLimit(this.#isTight)) hold.resume(how);
    if (hold.isEmpty && this.#holds.get(hold.peer) === hold) this.#holds.delete(hold.peer);
  }

  #pause(hold: Hold): void {
    // One that is over is not read anyway.
    if (hold.isPaused || hold.peer.isOver) return;
    this.#pauseCount += 1;
    hold.pause();
  }

  #tighten(): void {
    this.#isTight = true;
    for (const hold of this.#holds.values()) {
      if (hold.deadlineMs !== undefined) hold.outlive(this.#parts.time.nowMs);
      else if (hold.isAboveLimit(true)) this.#pause(hold);
    }
  }

  #relax(): void {
    this.#isTight = false;
    for (const hold of this.#holds.values()) if (!hold.isAboveLimit(false)) hold.resume({ isFreed: false });
  }

  /**
   * Its receivers are told how many of its messages they miss, and where it has left.
   * @returns for each of its members, who never heard of it.
   */
  #giveUp(hold: Hold, why: "sender-gone" | "deadline"): ReadonlyMap<MemberIdentity, ReadonlySet<Peer<Member>>> {
    const strangers = new Map<MemberIdentity, Set<Peer<Member>>>();
    for (const [receiver, line] of this.#lines) {
      const taken = line.takeFrom(hold);
      if (taken.length === 0) continue;
      const remains = new Remains(taken);
      this.#parts.onLost(why, remains.messageCount);
      for (const { to, event } of remains.events()) this.#parts.give(to, event);
      for (const member of remains.strangers()) addTo(strangers, member, receiver);
      for (const owed of taken) this.#settle(owed, { isFreed: false });
    }
    this.#holds.delete(hold.peer);
    return strangers;
  }
}

function addTo<K, V>(sets: Map<K, Set<V>>, key: K, value: V): void {
  const set = sets.get(key);
  if (set === undefined) sets.set(key, new Set([value]));
  else set.add(value);
}
