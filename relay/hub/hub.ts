import { Congestion, type CongestionOptions, type SlowReason } from "./congestion.ts";
import { type DropReason, Outbox, type OutboxOptions } from "./outbox.ts";
import { type Member, Peer } from "./peer.ts";
import type { Encoding, HubEvent, Link, Payload, TopicRate } from "./ports.ts";
import { MAX_HANDLE, type OnTrouble, Topic } from "./topic.ts";
import { Traffic } from "./traffic.ts";

/** Who is there now, and what has been carried since the start. */
export type HubCounts = {
  readonly topics: number;
  /** Connections that are in at least one topic. */
  readonly peers: number;
  /** Messages taken from senders, and the bytes of their payloads as the sender wrote them. */
  readonly messages: number;
  readonly bytes: number;
  /** Connections ended because they read too slowly, by reason. */
  readonly outboxesFull: number;
  readonly stalledReaders: number;
  readonly slowReaders: number;
  /** How often a sender was kept waiting for a congested topic. */
  readonly pauses: number;
  /** Memberships that began, and that ended. */
  readonly joins: number;
  readonly leaves: number;
  /** Connections that read too slowly now. */
  readonly congested: number;
  /** Frames that were not queued, by reason. */
  readonly drops: Readonly<Record<DropReason, number>>;
};

/** How a connection is closed. */
type Close = { readonly code: number; readonly reason: string };

/** What tunes the hub: bounds, and how connections end that read too slowly. */
export type HubOptions = OutboxOptions &
  CongestionOptions & {
    readonly closeFor: Readonly<Record<"outbox-full" | SlowReason, Close>>;
    /** Left out, or 0: as many as come. */
    readonly maxMembersPerTopic?: number;
  };

/** Who joins what, and how frames are written for it. */
export type Join<P extends Payload> = {
  readonly topicName: string;
  readonly peerId: string;
  readonly encoding: Encoding<P>;
};

/** Writes the frames that a new member gets first. */
export type Welcome<P extends Payload> = (member: Member<P>) => Iterable<Uint8Array>;

/**
 * The core: who is in which topic, and who gets which message. No I/O and no timers: sockets are links,
 * and all its methods are synchronous, so a sender's messages reach every outbox in the order they came.
 */
export class Hub<P extends Payload> {
  readonly #options: HubOptions;
  readonly #createTopicRate: () => TopicRate | undefined;
  readonly #topics = new Map<string, Topic<P>>();
  readonly #congestion: Congestion<P>;
  /** Found to read too slowly by the operation at hand. */
  readonly #fullPeers: Peer<P>[] = [];
  /** In use by topics. */
  readonly #handles = new Set<number>();
  #lastHandle = 0;
  #peers = 0;
  #messages = 0;
  #bytes = 0;
  #joins = 0;
  #leaves = 0;
  readonly #drops = { "outbox-full": 0, closed: 0 };
  readonly #delivered = new Map<Encoding<P>, Traffic>();
  readonly #ended = { "outbox-full": 0, stalled: 0, slow: 0 };
  readonly #onTrouble: OnTrouble<P> = (peer, outcome) => this.#trouble(peer, outcome);

  /**
   * @param nowMs a monotonic time in milliseconds.
   * @param createTopicRate asked once for each new topic.
   */
  constructor(
    options: HubOptions,
    nowMs: () => number,
    createTopicRate: () => TopicRate | undefined = () => undefined,
  ) {
    this.#options = options;
    this.#createTopicRate = createTopicRate;
    this.#congestion = new Congestion(options, nowMs);
  }

  /** Takes up a connection. It is in no topic yet and counts as no peer. The caller owes a `disconnect`. */
  connect(link: Link): Peer<P> {
    return new Peer(link, new Outbox(link, this.#options));
  }

  /** The topic of this name while it has members. */
  topic(topicName: string): Topic<P> | undefined {
    return this.#topics.get(topicName);
  }

  /** Whether one more member would be too many. */
  isFull(topicName: string): boolean {
    const { maxMembersPerTopic = 0 } = this.#options;
    const memberCount = this.#topics.get(topicName)?.memberCount ?? 0;
    return maxMembersPerTopic > 0 && memberCount >= maxMembersPerTopic;
  }

  /** All topics that have members. A view: it changes as they come and go. */
  topics(): Iterable<Topic<P>> {
    return this.#topics.values();
  }

  /**
   * Adds a peer to a topic that it is not in, tells the members who were there before, and welcomes the new one.
   * @param welcome the frames that the new member gets, before anything else of this topic. Who is there:
   *   `member.topic.members()`, in join order, the new one last.
   */
  join(peer: Peer<P>, { topicName, peerId, encoding }: Join<P>, welcome: Welcome<P>): Member<P> {
    let topic = this.#topics.get(topicName);
    if (topic === undefined) {
      topic = new Topic(topicName, this.#freeHandle(), this.#onTrouble);
      topic.rate = this.#createTopicRate();
      this.#handles.add(topic.handle);
      this.#topics.set(topicName, topic);
    }
    const member = topic.add(peer, peerId, { encoding, delivered: this.delivered(encoding) });
    this.#joins += 1;
    if (peer.memberships.size === 0) this.#peers += 1;
    peer.memberships.set(topicName, member);
    this.#congestion.joined(member);
    topic.fanOut({ type: "peer-joined", member }, member);
    for (const frame of welcome(member)) this.#offer(peer, frame);
    // Joining again and again under other names is sending too: it waits for slow readers, and for the topic's rate.
    if (topic.memberCount > 1) this.#sent(member, 0);
    this.#endFullPeers();
    return member;
  }

  /** From now on this member gets its frames in another encoding. */
  changeEncoding(member: Member<P>, encoding: Encoding<P>): void {
    member.encoding = encoding;
    member.delivered = this.delivered(encoding);
  }

  /** Data and signals that members were given in one encoding: frames, one for each receiver, and their bytes. It goes on counting. */
  delivered(encoding: Encoding<P>): Traffic {
    let traffic = this.#delivered.get(encoding);
    if (traffic === undefined) {
      traffic = new Traffic();
      this.#delivered.set(encoding, traffic);
    }
    return traffic;
  }

  /** Takes a member out of its topic, and tells the rest. An empty topic vanishes. Idempotent. */
  leave(member: Member<P>): void {
    this.#remove(member);
    this.#endFullPeers();
  }

  /** Publishes a payload to every other member of the sender's topic. */
  publish(from: Member<P>, payload: P): void {
    this.#count(from.topic, payload);
    from.topic.fanOut({ type: "data", from, to: undefined, payload }, from);
    this.#sent(from, payload.byteLength);
    this.#endFullPeers();
  }

  /** Sends a payload to one other member of the sender's topic. */
  send(from: Member<P>, to: number, payload: P): "sent" | "no-such-peer" {
    const member = from.topic.memberByHandle(to);
    if (member === undefined || member === from) return "no-such-peer";
    this.#count(from.topic, payload);
    this.#deliver(member, { type: "data", from, to, payload });
    this.#sent(from, payload.byteLength);
    this.#endFullPeers();
    return "sent";
  }

  /** Carries a signal to one other member of the sender's topic, if that member's encoding has signals. */
  signal(
    from: Member<P>,
    type: "offer" | "answer" | "candidate",
    to: number,
    payload: string,
  ): "sent" | "no-such-peer" | "peer-cannot-signal" {
    const member = from.topic.memberByHandle(to);
    if (member === undefined || member === from) return "no-such-peer";
    if (!member.encoding.hasSignals) return "peer-cannot-signal";
    this.#deliver(member, { type, from, to, payload });
    this.#sent(from, payload.length);
    this.#endFullPeers();
    return "sent";
  }

  /** Offers a dialect's own frame (an answer, an error) to a peer, under the same bound as everything else. */
  offer(peer: Peer<P>, frame: Uint8Array): void {
    this.#offer(peer, frame);
    this.#endFullPeers();
  }

  /** Ends the readers that have been congested for too long. To be called a few times a second. */
  endOverdueReaders(): void {
    for (const [peer, why] of this.#congestion.overdue()) this.#endSlow(peer, why);
    this.#endFullPeers();
  }

  /** Takes a connection out of every topic, and tells the rest. Idempotent. */
  disconnect(peer: Peer<P>): void {
    this.#removeFromAll(peer);
    this.#endFullPeers();
  }

  /** Takes a connection out of every topic and closes its link, after what is queued for it. */
  end(peer: Peer<P>, code: number, reason: string): void {
    this.#removeFromAll(peer);
    peer.link.close(code, reason);
    this.#endFullPeers();
  }

  counts(): HubCounts {
    return {
      topics: this.#topics.size,
      peers: this.#peers,
      messages: this.#messages,
      bytes: this.#bytes,
      outboxesFull: this.#ended["outbox-full"],
      stalledReaders: this.#ended.stalled,
      slowReaders: this.#ended.slow,
      pauses: this.#congestion.pauseCount,
      joins: this.#joins,
      leaves: this.#leaves,
      congested: this.#congestion.congestedCount,
      drops: { ...this.#drops },
    };
  }

  #deliver(to: Member<P>, event: HubEvent<P>): void {
    const frame = to.encoding.encode(event);
    to.delivered.add(1, frame.length);
    this.#offer(to.peer, frame);
  }

  #offer(peer: Peer<P>, frame: Uint8Array): void {
    const outcome = peer.outbox.offer(frame);
    if (outcome !== "queued") this.#trouble(peer, outcome);
  }

  #trouble(peer: Peer<P>, outcome: "congested" | DropReason): void {
    if (outcome === "congested") {
      this.#congestion.congested(peer);
      return;
    }
    this.#drops[outcome] += 1;
    if (outcome === "outbox-full") this.#fullPeers.push(peer);
  }

  #count(topic: Topic<P>, { byteLength }: P): void {
    this.#messages += 1;
    this.#bytes += byteLength;
    topic.messageCount += 1;
    topic.byteCount += byteLength;
  }

  /** The message is on its way; its sender may have to wait before the next one. */
  #sent(from: Member<P>, byteLength: number): void {
    this.#congestion.sent(from);
    const { rate } = from.topic;
    if (rate === undefined) return;
    const waitMs = rate.published(byteLength);
    if (waitMs > 0) from.peer.link.pauseFor(waitMs);
  }

  #freeHandle(): number {
    do {
      this.#lastHandle = this.#lastHandle >= MAX_HANDLE ? 1 : this.#lastHandle + 1;
    } while (this.#handles.has(this.#lastHandle));
    return this.#lastHandle;
  }

  #removeFromAll(peer: Peer<P>): void {
    peer.isEnded = true;
    peer.outbox.close();
    for (const member of peer.memberships.values()) this.#remove(member);
    this.#congestion.gone(peer);
  }

  #remove(member: Member<P>): void {
    const { peer, topic } = member;
    if (!peer.memberships.delete(topic.name)) return;
    this.#leaves += 1;
    if (peer.memberships.size === 0) this.#peers -= 1;
    topic.remove(member);
    this.#congestion.left(member);
    if (topic.memberCount === 0) {
      this.#topics.delete(topic.name);
      this.#handles.delete(topic.handle);
    } else topic.fanOut({ type: "peer-left", member }, member);
  }

  /**
   * Ends the peers that lost a frame. A loop and not a call from within the fan-out: telling the rest that a peer left
   * may fill the next outbox, and a topic full of stalled readers must not become a deep recursion.
   */
  #endFullPeers(): void {
    for (let peer = this.#fullPeers.pop(); peer !== undefined; peer = this.#fullPeers.pop()) {
      this.#endSlow(peer, "outbox-full");
    }
  }

  #endSlow(peer: Peer<P>, why: "outbox-full" | SlowReason): void {
    // Found slow twice: by the check, and by a frame that the check's own peer-left could not add to its outbox.
    if (peer.isEnded) return;
    const { code, reason } = this.#options.closeFor[why];
    this.#ended[why] += 1;
    this.#removeFromAll(peer);
    peer.link.close(code, reason);
  }
}
