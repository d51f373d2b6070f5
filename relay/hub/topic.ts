import { EncodedEvent } from "./encoded-event.ts";
import type { DropReason } from "./outbox.ts";
import { type Delivery, Member, type Peer } from "./peer.ts";
import type { Encoding, HubEvent, Payload, TopicRate } from "./ports.ts";
import type { Traffic } from "./traffic.ts";

/** Handles are unsigned 32-bit integers on the wire. */
export const MAX_HANDLE = 0xffff_ffff;

const NOTHING: Uint8Array = new Uint8Array(0);

/** What becomes of a peer whose outbox did not just take a frame. */
export type OnTrouble<P extends Payload> = (peer: Peer<P>, outcome: "congested" | DropReason) => void;

/** The members of one name, in join order. Exists while it has members; the hub owns it. */
export class Topic<P extends Payload> {
  readonly name: string;
  /** What stands for the name in binary frames: unique among the topics of this relay. */
  readonly handle: number;
  /** Messages published here, and the bytes of their payloads, since the topic came to be. */
  messageCount = 0;
  byteCount = 0;
  /** How fast it may be published to; undefined: as fast as messages come. The hub's. */
  rate: TopicRate | undefined;
  readonly #members = new Map<number, Member<P>>();
  readonly #onTrouble: OnTrouble<P>;
  readonly #maxHandle: number;
  #lastHandle = 0;

  /**
   * @param onTrouble told, within `fanOut`, of each peer whose outbox did not just take a frame.
   * @param maxHandle above the number of members; after it, handles begin again at 1.
   */
  constructor(name: string, handle: number, onTrouble: OnTrouble<P>, maxHandle: number = MAX_HANDLE) {
    this.name = name;
    this.handle = handle;
    this.#onTrouble = onTrouble;
    this.#maxHandle = maxHandle;
  }

  get memberCount(): number {
    return this.#members.size;
  }

  /** The members in join order. A view: it changes as they come and go. */
  members(): Iterable<Member<P>> {
    return this.#members.values();
  }

  memberByHandle(peerHandle: number): Member<P> | undefined {
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
  add(peer: Peer<P>, peerId: string, delivery: Delivery<P>): Member<P> {
    do {
      this.#lastHandle = this.#lastHandle >= this.#maxHandle ? 1 : this.#lastHandle + 1;
    } while (this.#members.has(this.#lastHandle));
    const member = new Member(peer, this, { peerId, peerHandle: this.#lastHandle }, delivery);
    this.#members.set(member.peerHandle, member);
    return member;
  }

  remove(member: Member<P>): void {
    this.#members.delete(member.peerHandle);
  }

  /** Offers one event to every member but one, in join order, encoded once per encoding. Synchronous: order is kept. */
  fanOut(event: HubEvent<P>, except: Member<P>): void {
    const encoded = new EncodedEvent(event);
    const isData = event.type === "data";
    // Members of one encoding stand side by side more often than not: they are counted together.
    let delivered: Traffic | undefined;
    let encoding: Encoding<P> | undefined;
    let frame = NOTHING;
    let count = 0;
    for (const member of this.#members.values()) {
      if (member === except) continue;
      if (member.encoding !== encoding) {
        if (isData) delivered?.add(count, frame.length);
        ({ delivered, encoding } = member);
        frame = encoded.frameFor(encoding);
        count = 0;
      }
      count += 1;
      const outcome = member.peer.outbox.offer(frame);
      if (outcome !== "queued") this.#onTrouble(member.peer, outcome);
    }
    if (isData) delivered?.add(count, frame.length);
  }
}
