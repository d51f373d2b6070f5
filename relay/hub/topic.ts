import { ChangeLog } from "./change-log.ts";
import { EncodedEvent } from "./encoded-event.ts";
import { Handles } from "./handles.ts";
import type { Peer } from "./peer.ts";
import type { Encoding, HubEvent, MemberIdentity, Origin, Payload, TopicRate } from "./ports.ts";
import { Traffic } from "./traffic.ts";

const NOTHING: Uint8Array = new Uint8Array(0);
const NOBODY: ReadonlySet<Member> = new Set();

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

/** Under what name a peer joins, what it shows, and what it takes. */
export type Naming = {
  readonly peerId: string;
  readonly presence?: string | undefined;
  readonly maxPayloadBytes?: number | undefined;
};

type NewMember = Naming & { readonly peerHandle: number };

/** One peer in one topic. */
export class Member implements MemberIdentity {
  readonly peer: Peer<Member>;
  readonly topic: Topic;
  readonly peerId: string;
  readonly peerHandle: number;
  #presence: string | undefined;
  #knownUntil: number;
  #maxPayloadBytes: number;
  #encoding: Encoding;
  #delivered: Traffic;
  readonly #starts = new Map<Encoding, Uint8Array>();

  constructor(
    peer: Peer<Member>,
    topic: Topic,
    { peerId, peerHandle, presence, maxPayloadBytes = Number.POSITIVE_INFINITY }: NewMember,
    { encoding, delivered }: Delivery,
  ) {
    this.peer = peer;
    this.topic = topic;
    this.peerId = peerId;
    this.peerHandle = peerHandle;
    this.#presence = presence;
    this.#knownUntil = topic.lastShown;
    this.#maxPayloadBytes = maxPayloadBytes;
    this.#encoding = encoding;
    this.#delivered = delivered;
  }

  get topicName(): string {
    return this.topic.name;
  }

  get topicHandle(): number {
    return this.topic.handle;
  }

  get presence(): string | undefined {
    return this.#presence;
  }

  /** The topic's: what it shows from now on. */
  shows(presence: string): void {
    this.#presence = presence;
  }

  /** Up to which change it knows what the others show, or is about to. */
  get knownUntil(): number {
    return this.#knownUntil;
  }

  /** The hub's: it is told what the others show, up to this change. */
  knowsUntil(until: number): void {
    this.#knownUntil = until;
  }

  /** The largest payload that it takes; of a larger one it is told that it was left out. */
  get maxPayloadBytes(): number {
    return this.#maxPayloadBytes;
  }

  /** Whether it does not take every payload. */
  get isLimited(): boolean {
    return this.#maxPayloadBytes < Number.POSITIVE_INFINITY;
  }

  /** How frames are written for it. */
  get encoding(): Encoding {
    return this.#encoding;
  }

  /** Where its deliveries are counted. */
  get delivered(): Traffic {
    return this.#delivered;
  }

  /** The topic's: from now on it gets its frames in another way, and takes payloads of this size. */
  deliverBy({ encoding, delivered }: Delivery, maxPayloadBytes: number = Number.POSITIVE_INFINITY): void {
    this.#encoding = encoding;
    this.#delivered = delivered;
    this.#maxPayloadBytes = maxPayloadBytes;
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
  /** The same in no order, to choose some at random, and where each stands. */
  readonly #pool: Member[] = [];
  readonly #places = new Map<Member, number>();
  /** By the id that they claim; several may claim one. */
  readonly #byPeerId = new Map<string, Member[]>();
  /** Who has changed what it shows; undefined: nobody. */
  #shown: ChangeLog<Member> | undefined;
  /** Members that do not take every payload. */
  #limitedCount = 0;
  #heldMessageCount = 0;
  #heldByteCount = 0;
  #lastHandle = 0;
  /** Handles have begun again: join order is no longer theirs. */
  #hasWrapped = false;
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

  /** Messages published here that are held now for members without room. */
  get heldMessageCount(): number {
    return this.#heldMessageCount;
  }

  /** What they cost. */
  get heldByteCount(): number {
    return this.#heldByteCount;
  }

  /** Members that have no room now. Looks at each. */
  get slowReaderCount(): number {
    return this.#pool.filter(({ peer }) => !peer.outbox.hasRoom).length;
  }

  /** The holds': messages are held from now on; below 0: no longer. */
  holdMore(messageCount: number, byteLength: number): void {
    this.#heldMessageCount += messageCount;
    this.#heldByteCount += byteLength;
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

  /** Those whose handles are larger, in the order of handles: who joins meanwhile mostly comes behind. */
  *membersAfter(peerHandle: number): Iterable<Member> {
    const members = this.#hasWrapped
      ? this.#pool.toSorted((a, b) => a.peerHandle - b.peerHandle)
      : this.#members.values();
    for (const member of members) if (member.peerHandle > peerHandle) yield member;
  }

  memberByHandle(peerHandle: number): Member | undefined {
    return this.#members.get(peerHandle);
  }

  /** Who claims this id. Classic clients may share one; v1 clients may not take one that is in use. */
  membersByPeerId(peerId: string): readonly Member[] {
    return this.#byPeerId.get(peerId) ?? [];
  }

  hasPeerId(peerId: string): boolean {
    return this.#byPeerId.has(peerId);
  }

  /**
   * Members chosen at random, each once, in random order: all but one, where there are no more. Takes so many steps as are
   * wanted, whatever there is.
   */
  sample(count: number, except: Member): readonly Member[] {
    const ownPlace = this.#places.get(except) ?? this.#pool.length;
    const otherCount = this.#places.has(except) ? this.#pool.length - 1 : this.#pool.length;
    // The first steps of a shuffle (Fisher and Yates) of all places but one; what it has moved is kept beside the pool.
    const moved = new Map<number, number>();
    const chosen: Member[] = [];
    for (let index = 0; index < Math.min(count, otherCount); index += 1) {
      const drawn = index + Math.floor(Math.random() * (otherCount - index));
      const place = moved.get(drawn) ?? drawn;
      moved.set(drawn, moved.get(index) ?? index);
      const member = this.#pool[place < ownPlace ? place : place + 1];
      if (member !== undefined) chosen.push(member);
    }
    return chosen;
  }

  /** Adds a member at the end of the join order, under a handle that no other member has. */
  add(peer: Peer<Member>, naming: Naming, delivery: Delivery): Member {
    const peerHandle = this.#handles.next((handle) => this.#members.has(handle));
    const member = new Member(peer, this, { ...naming, peerHandle }, delivery);
    this.#hasWrapped ||= peerHandle < this.#lastHandle;
    this.#lastHandle = peerHandle;
    this.#members.set(peerHandle, member);
    this.#places.set(member, this.#pool.length);
    this.#pool.push(member);
    const namesakes = this.#byPeerId.get(member.peerId);
    if (namesakes === undefined) this.#byPeerId.set(member.peerId, [member]);
    else namesakes.push(member);
    if (member.isLimited) this.#limitedCount += 1;
    return member;
  }

  /** From now on a member gets its frames in another way, and takes payloads of this size; undefined: of any. */
  change(member: Member, delivery: Delivery, maxPayloadBytes: number | undefined): void {
    if (member.isLimited) this.#limitedCount -= 1;
    member.deliverBy(delivery, maxPayloadBytes);
    if (member.isLimited) this.#limitedCount += 1;
  }

  /** The number of the last change of what a member shows. */
  get lastShown(): number {
    return this.#shown?.last ?? 0;
  }

  /** Which members have changed what they show behind this number, oldest first. */
  shownAfter(number: number): Iterable<{ readonly number: number; readonly item: Member }> {
    return this.#shown?.after(number) ?? [];
  }

  /** A member shows this from now on. */
  show(member: Member, presence: string): void {
    member.shows(presence);
    this.#shown ??= new ChangeLog();
    this.#shown.add(member);
  }

  remove(member: Member): void {
    if (!this.#members.delete(member.peerHandle)) return;
    this.#shown?.remove(member);
    this.#removeFromPool(member);
    const namesakes = (this.#byPeerId.get(member.peerId) ?? []).filter((other) => other !== member);
    if (namesakes.length === 0) this.#byPeerId.delete(member.peerId);
    else this.#byPeerId.set(member.peerId, namesakes);
    if (member.isLimited) this.#limitedCount -= 1;
  }

  /** Those for whom a payload is too large, but for its sender and some. Mostly all take all, and nobody is looked at. */
  tooSmallFor(payload: Payload, except: Member, notTo: readonly Member[]): ReadonlySet<Member> {
    if (this.#limitedCount === 0) return NOBODY;
    return new Set(
      this.#pool.filter(
        (member) =>
          member !== except &&
          member.isLimited &&
          !notTo.includes(member) &&
          payload.isLargerThan(member.maxPayloadBytes),
      ),
    );
  }

  #removeFromPool(member: Member): void {
    const place = this.#places.get(member);
    const last = this.#pool.pop();
    this.#places.delete(member);
    if (place === undefined || last === undefined || last === member) return;
    this.#pool[place] = last;
    this.#places.set(last, place);
  }

  /**
   * Offers one event to every member but one that has room, in join order, encoded once per encoding. Synchronous: order
   * is kept.
   * @param origin whose message it is; undefined: nobody's.
   * @param leftOut do not get it either.
   * @returns those who have no room, and are owed it; undefined: nobody is.
   */
  fanOut(
    event: HubEvent,
    except: Member | undefined,
    origin: Origin | undefined,
    leftOut: ReadonlySet<Member> = NOBODY,
  ): Member[] | undefined {
    const encoded = new EncodedEvent(event);
    const isData = event.type === "data";
    // Members of one encoding stand side by side more often than not: they are counted together.
    let delivered: Traffic | undefined;
    let encoding: Encoding | undefined;
    let frame = NOTHING;
    let count = 0;
    let owedTo: Member[] | undefined;
    for (const member of this.#members.values()) {
      if (member === except || (leftOut.size > 0 && leftOut.has(member))) continue;
      if (!isData && !member.encoding.takes(event.type)) continue;
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
