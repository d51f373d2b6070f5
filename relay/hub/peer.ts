import type { Outbox } from "./outbox.ts";
import type { Encoding, Link, MemberIdentity } from "./ports.ts";
import type { Topic } from "./topic.ts";

/** The hub's side of one connection: where its frames go, how they are written, and which topics it is in. */
export class Peer {
  readonly link: Link;
  readonly outbox: Outbox;
  readonly encoding: Encoding;
  /** By topic name, in join order. Only the hub changes it. */
  readonly memberships: Map<string, Member> = new Map();

  constructor(link: Link, outbox: Outbox, encoding: Encoding) {
    this.link = link;
    this.outbox = outbox;
    this.encoding = encoding;
  }
}

/** One peer in one topic. */
export class Member implements MemberIdentity {
  readonly peer: Peer;
  readonly topic: Topic;
  readonly peerId: string;
  readonly peerHandle: number;

  constructor(peer: Peer, topic: Topic, peerId: string, peerHandle: number) {
    this.peer = peer;
    this.topic = topic;
    this.peerId = peerId;
    this.peerHandle = peerHandle;
  }

  get topicName(): string {
    return this.topic.name;
  }
}
