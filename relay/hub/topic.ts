import { EncodedEvent } from "./encoded-event.ts";
import { Handles } from "./handles.ts";
import type { Peer } from "./peer.ts";
import type { Encoding, HubEvent, MemberIdentity, Origin, TopicRate } from "./ports.ts";
import { Traffic } from "./traffic.ts";

const NOTHING: Uint8Array = new Uint8Array(0);

/** What becomes of a peer whose outbox did not just take a frame. */
export type OnTrouble = (peer: Peer<Member>, outcome: "congested" | "outbox-full" | "closed") => void;

/** What a topic is made with. */
export type TopicParts = {
  /** Told, within `fanOut`, of each peer whose outbox did not just take a frame. */
  readonly onTrouble: OnTrouble;
  /** How fast it may be published to; undefined: as fast as messages come. */
  readonly rate?: TopicRate | undefined;
  /** Where the handles of its members come from. */
  readonly handles?: Handles;
};

/** How a member gets its frames, and the count of those that came in the same way. */
export type Delivery = { readonly encoding: Encoding; readonly delivered: Traffic };

/** One peer in one topic. */
export class Member implements MemberIdentity {
  readonly peer: Peer<Member>;
  readonly topic: Topic;
  readonly peerId: string;
  readonly peerHandle: number;
  #encoding: Encoding;
  #delivered: Traffic;
  readonly #starts = new Map<Encoding, Uint8Array>();

  constructor(
    peer: Peer<Member>,
    topic: Topic,
    { peerId, peerHandle }: { readonly peerId: string; readonly peerHandle: number },
    { encoding, delivered }: Delivery,
  ) {
    this.peer = peer;
    this.topic = topic;
    this.peerId = peerId;
    this.peerHandle = peerHandle;
    this.#encoding = encoding;
    this.#delivered = delivered;
  }

  get topicName(): string {
    return this.topic.name;
  }

  get topicHandle(): number {
    return this.topic.handle;
  }

  /** How frames are written for it. */
  get encoding(): Encoding {
    return this.#encoding;
  }

  /** Where its deliveries are counted. */
  get delivered(): Traffic {
    return this.#delivered;
  }

  /** The hub's: from now on it gets its frames in another way. */
  deliverBy({ encoding, delivered }: Delivery): void {
    this.#encoding = encoding;
    this.#delivered = delivered;
  }

  startFor(encoding: Encoding, write: (from: MemberIdentity) => Uint8Array): Uint8Array {
    let start = this.#starts.get(encoding);
    if (start === undefined) {
      start = write(this);
      this.#starts.set(encoding, start);
    }
    return start;
  }
}

/** The members of one name, in join order. Exists while it has members; the hub owns it. */
export class Topic {
  readonly name: string;
  /** What stands for the name in binary frames: unique among the topics of this relay. */
  readonly handle: number;
  readonly rate: TopicRate | undefined;
  readonly #published = new Traffic();
  readonly #members = new Map<number, Member>();
  readonly #onTrouble: OnTrouble;
  readonly #handles: Handles;

  constructor(name: string, handle: number, { onTrouble, rate, handles = new Handles() }: TopicParts) {
    this.name = name;
    this.handle = handle;
    this.rate = rate;
    this.#onTrouble = onTrouble;
    this.#handles = handles;
  }

  /** Messages published here since the topic came to be. */
  get messageCount(): number {
    return this.#published.messageCount;
  }

  /** Bytes of their payloads, as the senders wrote them. */
  get byteCount(): number {
    return this.#published.byteCount;
  }

  /** The hub's: counts a message. */
  count(byteLength: number): void {
    this.#published.add(1, byteLength);
  }

  get memberCount(): number {
    return this.#members.size;
  }

  /** The members in join order. A view: it changes as they come and go. */
  members(): Iterable<Member> {
    return this.#members.values();
  }

  memberByHandle(peerHandle: number): Member | undefined {
    return this.#members.get(peerHandle);
  }

  /** Whether a member claims this id. Classic clients may share one; v1 clients may not take one that is in use. */
  hasPeerId(peerId: string): boolean {
    for (const member of this.#members.values()) {
      if (member.peerId === peerId) return true;
    }
    return false;
  }

  /** Adds a member at the end of the join order, under a handle that no other member has. */
  add(peer: Peer<Member>, peerId: string, delivery: Delivery): Member {
    const peerHandle = this.#handles.next((handle) => this.#members.has(handle));
    const member = new Member(peer, this, { peerId, peerHandle }, delivery);
    this.#members.set(peerHandle, member);
    return member;
  }

  remove(member: Member): void {
    this.#members.delete(member.peerHandle);
  }

  /**
   * Offers one event to every member but one that has room, in join order, encoded once per encoding. Synchronous: order
   * is kept.
   * @param origin whose message it is; undefined: nobody's.
   * @returns those who have no room, and are owed it; undefined: nobody is.
   */
  fanOut(event: HubEvent, except: Member | undefined, origin: Origin | undefined): Member[] | undefined {
    const encoded = new EncodedEvent(event);
    const isData = event.type === "data";
    // Members of one encoding stand side by side more often than not: they are counted together.
    let delivered: Traffic | undefined;
    let encoding: Encoding | undefined;
    let frame = NOTHING;
    let count = 0;
    let owedTo: Member[] | undefined;
    for (const member of this.#members.values()) {
      if (member === except) continue;
      if (!member.peer.outbox.hasRoom) {
        if (owedTo === undefined) owedTo = [member];
        else owedTo.push(member);
        continue;
      }
      if (member.encoding !== encoding) {
        if (isData) delivered?.add(count, frame.length);
        ({ delivered, encoding } = member);
        frame = encoded.frameFor(encoding);
        count = 0;
      }
      count += 1;
      const outcome = member.peer.outbox.offer(frame, origin);
      if (outcome !== "queued") this.#onTrouble(member.peer, outcome);
    }
    if (isData) delivered?.add(count, frame.length);
    return owedTo;
  }
}
