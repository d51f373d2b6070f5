import type { Outbox } from "./outbox.ts";
import type { Encoding, Link, MemberIdentity, Payload } from "./ports.ts";
import type { Topic } from "./topic.ts";
import type { Traffic } from "./traffic.ts";

/** The hub's side of one connection: where its frames go, and which topics it is in. */
export class Peer<P extends Payload> {
  readonly link: Link;
  readonly outbox: Outbox;
  /** By topic name, in join order. Only the hub changes it. */
  readonly memberships: Map<string, Member<P>> = new Map();
  /** How many congested topics keep it waiting. Congestion's. */
  pausedByCount = 0;
  /** It is out of every topic for good. Only the hub changes it. */
  isEnded = false;

  constructor(link: Link, outbox: Outbox) {
    this.link = link;
    this.outbox = outbox;
  }
}

/** How a member gets its frames, and the count of those that came in the same way. */
export type Delivery<P extends Payload> = { readonly encoding: Encoding<P>; readonly delivered: Traffic };

/** One peer in one topic. */
export class Member<P extends Payload> implements MemberIdentity {
  readonly peer: Peer<P>;
  readonly topic: Topic<P>;
  readonly peerId: string;
  readonly peerHandle: number;
  /** How frames are written for it, and where its deliveries are counted. Only the hub changes them. */
  encoding: Encoding<P>;
  delivered: Traffic;
  readonly dataStarts: Map<unknown, Uint8Array> = new Map();

  constructor(
    peer: Peer<P>,
    topic: Topic<P>,
    { peerId, peerHandle }: { readonly peerId: string; readonly peerHandle: number },
    { encoding, delivered }: Delivery<P>,
  ) {
    this.peer = peer;
    this.topic = topic;
    this.peerId = peerId;
    this.peerHandle = peerHandle;
    this.encoding = encoding;
    this.delivered = delivered;
  }

  get topicName(): string {
    return this.topic.name;
  }

  get topicHandle(): number {
    return this.topic.handle;
  }
}
