import { EncodedEvent } from "./encoded-event.ts";
import { Member, type Peer } from "./peer.ts";
import type { HubEvent } from "./ports.ts";

/** Handles are unsigned 32-bit integers on the wire. */
const MAX_HANDLE = 0xffff_ffff;

/** The members of one name, in join order. Exists while it has members; the hub owns it. */
export class Topic {
  readonly name: string;
  /** Messages published here, and the bytes of their payloads, since the topic came to be. */
  messageCount = 0;
  byteCount = 0;
  readonly #members = new Map<number, Member>();
  readonly #onFull: (peer: Peer) => void;
  readonly #maxHandle: number;
  #lastHandle = 0;

  /**
   * @param onFull told, within `fanOut`, of each peer whose outbox refused a frame.
   * @param maxHandle above the number of members; after it, handles begin again at 1.
   */
  constructor(name: string, onFull: (peer: Peer) => void, maxHandle: number = MAX_HANDLE) {
    this.name = name;
    this.#onFull = onFull;
    this.#maxHandle = maxHandle;
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

  /** Whether a member claims this id. Seed clients may share one; v1 clients may not take one that is in use. */
  hasPeerId(peerId: string): boolean {
    for (const member of this.#members.values()) {
      if (member.peerId === peerId) return true;
    }
    return false;
  }

  /** Adds a member at the end of the join order, under a handle that no other member has. */
  add(peer: Peer, peerId: string): Member {
    do {
      this.#lastHandle = this.#lastHandle >= this.#maxHandle ? 1 : this.#lastHandle + 1;
    } while (this.#members.has(this.#lastHandle));
    const member = new Member(peer, this, peerId, this.#lastHandle);
    this.#members.set(member.peerHandle, member);
    return member;
  }

  remove(member: Member): void {
    this.#members.delete(member.peerHandle);
  }

  /** Offers one event to every member but one, in join order, encoded once per encoding. Synchronous: order is kept. */
  fanOut(event: HubEvent, except: Member): void {
    const encoded = new EncodedEvent(event);
    for (const member of this.#members.values()) {
      if (member === except) continue;
      const { outbox, encoding } = member.peer;
      if (outbox.offer(encoded.frameFor(encoding)) === "outbox-full") this.#onFull(member.peer);
    }
  }
}
