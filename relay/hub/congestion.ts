import type { Member, Peer } from "./peer.ts";
import type { Payload } from "./ports.ts";
import type { Topic } from "./topic.ts";

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
export type SlowReason = "stalled" | "slow";

/** The senders may go on when an outbox is down to this part of the high-water mark. */
const LOW_WATER_DIVISOR = 4;

type Watched = { readonly sinceMs: number; drainedBytes: number; progressAtMs: number };

/**
 * Lossless backpressure. Each topic has the peers that are congested in it; who sends to such a topic is not read from
 * until they have drained, so TCP tells the sender to wait. One message of each sender may still come: the one at hand.
 */
export class Congestion<P extends Payload> {
  readonly #options: CongestionOptions;
  readonly #nowMs: () => number;
  readonly #watched = new Map<Peer<P>, Watched>();
  readonly #congestedIn = new Map<Topic<P>, Set<Peer<P>>>();
  readonly #pausedBy = new Map<Topic<P>, Set<Peer<P>>>();
  #pauseCount = 0;

  constructor(options: CongestionOptions, nowMs: () => number) {
    this.#options = options;
    this.#nowMs = nowMs;
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
  congested(peer: Peer<P>): void {
    if (this.#watched.has(peer)) return;
    const nowMs = this.#nowMs();
    this.#watched.set(peer, { sinceMs: nowMs, drainedBytes: peer.link.drainedBytes, progressAtMs: nowMs });
    for (const { topic } of peer.memberships.values()) addTo(this.#congestedIn, topic, peer);
    const lowWaterBytes = Math.floor(this.#options.outboxHighWaterBytes / LOW_WATER_DIVISOR);
    peer.link.whenBelow(lowWaterBytes, () => this.#relieved(peer));
  }

  /** A member sent something: it waits where its topic is congested. */
  sent(from: Member<P>): void {
    if (this.#options.slowReaderPolicy === "close" || !this.#congestedIn.has(from.topic)) return;
    if (!addTo(this.#pausedBy, from.topic, from.peer)) return;
    this.#pauseCount += 1;
    from.peer.pausedByCount += 1;
    if (from.peer.pausedByCount === 1) from.peer.link.pause();
  }

  /** A peer joined a topic. */
  joined({ peer, topic }: Member<P>): void {
    if (this.#watched.has(peer)) addTo(this.#congestedIn, topic, peer);
  }

  /** A peer left a topic: it neither slows its members any more nor is slowed by them. */
  left({ peer, topic }: Member<P>): void {
    this.#resume(topic, peer);
    this.#clear(topic, peer);
  }

  /** A peer is gone from all topics. */
  gone(peer: Peer<P>): void {
    this.#watched.delete(peer);
  }

  /** Finds those who have been congested for too long. Called a few times a second. */
  overdue(): readonly (readonly [Peer<P>, SlowReason | "outbox-full"])[] {
    if (this.#options.slowReaderPolicy === "close")
      return [...this.#watched.keys()].map((peer) => [peer, "outbox-full"]);
    const nowMs = this.#nowMs();
    const { stalledReaderTimeoutMs, slowReaderTimeoutMs } = this.#options;
    const overdue: (readonly [Peer<P>, SlowReason])[] = [];
    for (const [peer, watched] of this.#watched) {
      const { drainedBytes } = peer.link;
      if (drainedBytes !== watched.drainedBytes) {
        watched.drainedBytes = drainedBytes;
        watched.progressAtMs = nowMs;
      }
      if (nowMs - watched.progressAtMs >= stalledReaderTimeoutMs) overdue.push([peer, "stalled"]);
      else if (nowMs - watched.sinceMs >= slowReaderTimeoutMs) overdue.push([peer, "slow"]);
    }
    return overdue;
  }

  #relieved(peer: Peer<P>): void {
    if (!this.#watched.delete(peer)) return;
    for (const { topic } of peer.memberships.values()) this.#clear(topic, peer);
  }

  #clear(topic: Topic<P>, peer: Peer<P>): void {
    if (!removeFrom(this.#congestedIn, topic, peer) || this.#congestedIn.has(topic)) return;
    for (const sender of this.#pausedBy.get(topic) ?? []) this.#resume(topic, sender);
  }

  #resume(topic: Topic<P>, sender: Peer<P>): void {
    if (!removeFrom(this.#pausedBy, topic, sender)) return;
    sender.pausedByCount -= 1;
    if (sender.pausedByCount === 0) sender.link.resume();
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
