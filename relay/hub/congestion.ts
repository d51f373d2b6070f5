import type { Peer } from "./peer.ts";
import type { TurnTime } from "./ports.ts";
import type { Member, Topic } from "./topic.ts";

/** When a reader counts as slow, and what becomes of it. */
export type CongestionOptions = {
  /**
   * A peer whose outbox holds more than this is congested: the relay stops reading those who send to it, until a quarter
   * of this is left.
   */
  readonly outboxHighWaterBytes: number;
  /** "close" slows nobody: a peer that is still congested at the next check is ended. */
  readonly slowReaderPolicy: "pause" | "close";
  /** A congested peer that drains nothing for this long is dead. */
  readonly stalledReaderTimeoutMs: number;
  /** A peer that stays congested for this long is slow. */
  readonly slowReaderTimeoutMs: number;
};

/** Why a reader is ended: a closed set; each is a label of the counter. */
export const slowReasons = ["stalled", "slow"] as const;

/** One of the reasons above. */
export type SlowReason = (typeof slowReasons)[number];

/** The senders may go on when an outbox is down to this part of the high-water mark. */
const LOW_WATER_DIVISOR = 4;

type Watched = { readonly sinceMs: number; readByPeerBytes: number; progressAtMs: number };

/**
 * Lossless backpressure. Each topic has the peers that are congested in it; who sends to such a topic is not read from
 * until they have drained, so TCP tells the sender to wait. One message of each sender may still come: the one at hand.
 */
export class Congestion {
  readonly #options: CongestionOptions;
  readonly #time: TurnTime;
  readonly #watched = new Map<Peer<Member>, Watched>();
  readonly #congestedIn = new Map<Topic, Set<Peer<Member>>>();
  readonly #pausedBy = new Map<Topic, Set<Peer<Member>>>();
  /** How many congested topics keep a sender waiting. */
  readonly #pausedByCounts = new Map<Peer<Member>, number>();
  #pauseCount = 0;

  constructor(options: CongestionOptions, time: TurnTime) {
    this.#options = options;
    this.#time = time;
  }

  /** How often a sender was paused since the start. */
  get pauseCount(): number {
    return this.#pauseCount;
  }

  /** Peers that are congested now. */
  get congestedCount(): number {
    return this.#watched.size;
  }

  /** A peer's outbox went above the high-water mark. Idempotent. */
  congested(peer: Peer<Member>): void {
    if (this.#watched.has(peer)) return;
    const { nowMs } = this.#time;
    this.#watched.set(peer, { sinceMs: nowMs, readByPeerBytes: peer.link.readByPeerBytes, progressAtMs: nowMs });
    for (const { topic } of peer.memberships()) addTo(this.#congestedIn, topic, peer);
    const lowWaterBytes = Math.floor(this.#options.outboxHighWaterBytes / LOW_WATER_DIVISOR);
    peer.link.whenBelow(lowWaterBytes, () => this.#relieved(peer));
  }

  /** A member sent something: it waits where its topic is congested. */
  sent(from: Member): void {
    if (this.#options.slowReaderPolicy === "close" || !this.#congestedIn.has(from.topic)) return;
    if (!addTo(this.#pausedBy, from.topic, from.peer)) return;
    this.#pauseCount += 1;
    const pausedByCount = this.#pausedByCounts.get(from.peer) ?? 0;
    this.#pausedByCounts.set(from.peer, pausedByCount + 1);
    if (pausedByCount === 0) from.peer.link.pause();
  }

  /** A peer joined a topic. */
  joined({ peer, topic }: Member): void {
    if (this.#watched.has(peer)) addTo(this.#congestedIn, topic, peer);
  }

  /** A peer left a topic: it neither slows its members any more nor is slowed by them. */
  left({ peer, topic }: Member): void {
    this.#resume(topic, peer);
    this.#clear(topic, peer);
  }

  /** A peer is gone from all topics. */
  gone(peer: Peer<Member>): void {
    this.#watched.delete(peer);
  }

  /** Finds those who have been congested for too long. Called a few times a second. */
  overdue(): readonly (readonly [Peer<Member>, SlowReason | "outbox-full"])[] {
    if (this.#options.slowReaderPolicy === "close")
      return [...this.#watched.keys()].map((peer) => [peer, "outbox-full"]);
    const { nowMs } = this.#time;
    const { stalledReaderTimeoutMs, slowReaderTimeoutMs } = this.#options;
    const overdue: (readonly [Peer<Member>, SlowReason])[] = [];
    for (const [peer, watched] of this.#watched) {
      const { readByPeerBytes } = peer.link;
      if (readByPeerBytes !== watched.readByPeerBytes) {
        watched.readByPeerBytes = readByPeerBytes;
        watched.progressAtMs = nowMs;
      }
      if (nowMs - watched.progressAtMs >= stalledReaderTimeoutMs) overdue.push([peer, "stalled"]);
      else if (nowMs - watched.sinceMs >= slowReaderTimeoutMs) overdue.push([peer, "slow"]);
    }
    return overdue;
  }

  #relieved(peer: Peer<Member>): void {
    if (!this.#watched.delete(peer)) return;
    for (const { topic } of peer.memberships()) this.#clear(topic, peer);
  }

  #clear(topic: Topic, peer: Peer<Member>): void {
    if (!removeFrom(this.#congestedIn, topic, peer) || this.#congestedIn.has(topic)) return;
    for (const sender of this.#pausedBy.get(topic) ?? []) this.#resume(topic, sender);
  }

  #resume(topic: Topic, sender: Peer<Member>): void {
    if (!removeFrom(this.#pausedBy, topic, sender)) return;
    const pausedByCount = (this.#pausedByCounts.get(sender) ?? 0) - 1;
    if (pausedByCount > 0) this.#pausedByCounts.set(sender, pausedByCount);
    else {
      this.#pausedByCounts.delete(sender);
      sender.link.resume();
    }
  }
}

/** @returns whether it was not in there. */
function addTo<K, V>(sets: Map<K, Set<V>>, key: K, value: V): boolean {
  const set = sets.get(key);
  if (set === undefined) sets.set(key, new Set([value]));
  else if (set.has(value)) return false;
  else set.add(value);
  return true;
}

/** Removes the set with its last value. @returns whether it was in there. */
function removeFrom<K, V>(sets: Map<K, Set<V>>, key: K, value: V): boolean {
  const set = sets.get(key);
  if (set === undefined || !set.delete(value)) return false;
  if (set.size === 0) sets.delete(key);
  return true;
}
