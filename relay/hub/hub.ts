import { Outbox, type OutboxOptions } from "./outbox.ts";
import { type Member, Peer } from "./peer.ts";
import type { Encoding, Link } from "./ports.ts";
import { Topic } from "./topic.ts";

/** Who is there now, and what has been carried since the start. */
export type HubCounts = {
  readonly topics: number;
  /** Connections that are in at least one topic. */
  readonly peers: number;
  /** Messages taken from senders, and the bytes of their payloads as the sender wrote them. */
  readonly messages: number;
  readonly bytes: number;
  /** Connections ended because their outbox was full. */
  readonly outboxesFull: number;
};

/** How a connection ends whose outbox is full. */
type FullOutboxClose = { readonly code: number; readonly reason: string };

/** What tunes the hub. */
export type HubOptions = OutboxOptions & { readonly fullOutboxClose: FullOutboxClose };

/**
 * The core: who is in which topic, and who gets which message. No I/O and no timers: sockets are links,
 * and all its methods are synchronous, so a sender's messages reach every outbox in the order they came.
 */
export class Hub {
  readonly #options: HubOptions;
  readonly #topics = new Map<string, Topic>();
  readonly #fullPeers: Peer[] = [];
  #peers = 0;
  #messages = 0;
  #bytes = 0;
  #outboxesFull = 0;

  constructor(options: HubOptions) {
    this.#options = options;
  }

  /** Takes up a connection. It is in no topic yet and counts as no peer. The caller owes a `disconnect`. */
  connect(link: Link, encoding: Encoding): Peer {
    return new Peer(link, new Outbox(link, this.#options), encoding);
  }

  /** The topic of this name while it has members. */
  topic(topicName: string): Topic | undefined {
    return this.#topics.get(topicName);
  }

  /** All topics that have members. A view: it changes as they come and go. */
  topics(): Iterable<Topic> {
    return this.#topics.values();
  }

  /**
   * Adds a peer to a topic that it is not in, tells the members who were there before, and welcomes the new one.
   * @param welcome the frames that the new member gets, before anything else of this topic. Who is there:
   *   `member.topic.members()`, in join order, the new one last.
   */
  join(peer: Peer, topicName: string, peerId: string, welcome: (member: Member) => Iterable<Uint8Array>): Member {
    let topic = this.#topics.get(topicName);
    if (topic === undefined) {
      topic = new Topic(topicName, (full) => this.#fullPeers.push(full));
      this.#topics.set(topicName, topic);
    }
    const member = topic.add(peer, peerId);
    if (peer.memberships.size === 0) this.#peers += 1;
    peer.memberships.set(topicName, member);
    topic.fanOut({ type: "peer-joined", member }, member);
    for (const frame of welcome(member)) this.#offer(peer, frame);
    this.#endFullPeers();
    return member;
  }

  /** Takes a member out of its topic, and tells the rest. An empty topic vanishes. Idempotent. */
  leave(member: Member): void {
    this.#remove(member);
    this.#endFullPeers();
  }

  /** Publishes a payload to every other member of the sender's topic. */
  publish(from: Member, payload: string): void {
    this.#count(from.topic, payload);
    from.topic.fanOut({ type: "data", from, to: undefined, payload }, from);
    this.#endFullPeers();
  }

  /** Sends a payload to one other member of the sender's topic. */
  send(from: Member, to: number, payload: string): "sent" | "no-such-peer" {
    const member = from.topic.memberByHandle(to);
    if (member === undefined || member === from) return "no-such-peer";
    this.#count(from.topic, payload);
    this.offer(member.peer, member.peer.encoding.encode({ type: "data", from, to, payload }));
    return "sent";
  }

  /** Carries a signal to one other member of the sender's topic, if that member's encoding has signals. */
  signal(
    from: Member,
    type: "offer" | "answer" | "candidate",
    to: number,
    payload: string,
  ): "sent" | "no-such-peer" | "peer-cannot-signal" {
    const member = from.topic.memberByHandle(to);
    if (member === undefined || member === from) return "no-such-peer";
    if (!member.peer.encoding.hasSignals) return "peer-cannot-signal";
    this.offer(member.peer, member.peer.encoding.encode({ type, from, to, payload }));
    return "sent";
  }

  /** Offers a dialect's own frame (an answer, an error) to a peer, under the same bound as everything else. */
  offer(peer: Peer, frame: Uint8Array): void {
    this.#offer(peer, frame);
    this.#endFullPeers();
  }

  /** Takes a connection out of every topic, and tells the rest. Idempotent. */
  disconnect(peer: Peer): void {
    this.#removeFromAll(peer);
    this.#endFullPeers();
  }

  /** Takes a connection out of every topic and closes its link, after what is queued for it. */
  end(peer: Peer, code: number, reason: string): void {
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
      outboxesFull: this.#outboxesFull,
    };
  }

  #offer(peer: Peer, frame: Uint8Array): void {
    if (peer.outbox.offer(frame) === "outbox-full") this.#fullPeers.push(peer);
  }

  #count(topic: Topic, payload: string): void {
    this.#messages += 1;
    this.#bytes += payload.length;
    topic.messageCount += 1;
    topic.byteCount += payload.length;
  }

  #removeFromAll(peer: Peer): void {
    peer.outbox.close();
    for (const member of peer.memberships.values()) this.#remove(member);
  }

  #remove(member: Member): void {
    const { peer, topic } = member;
    if (!peer.memberships.delete(topic.name)) return;
    if (peer.memberships.size === 0) this.#peers -= 1;
    topic.remove(member);
    if (topic.memberCount === 0) this.#topics.delete(topic.name);
    else topic.fanOut({ type: "peer-left", member }, member);
  }

  /**
   * Ends the peers that lost a frame. A loop and not a call from within the fan-out: telling the rest that a peer left
   * may fill the next outbox, and a topic full of stalled readers must not become a deep recursion.
   */
  #endFullPeers(): void {
    for (let peer = this.#fullPeers.pop(); peer !== undefined; peer = this.#fullPeers.pop()) {
      const { code, reason } = this.#options.fullOutboxClose;
      this.#outboxesFull += 1;
      this.#removeFromAll(peer);
      peer.link.close(code, reason);
    }
  }
}
