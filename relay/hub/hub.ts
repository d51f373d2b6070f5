import { Counter } from "../counter.ts";
import { EncodedEvent } from "./encoded-event.ts";
import { Handles } from "./handles.ts";
import { Holds } from "./holds.ts";
import type { EndReason, HubCounts } from "./hub-counts.ts";
import type { Ending, HubOptions, HubParts, Join, Strangers, Welcome } from "./hub-parts.ts";
import { dropReasons } from "./outbox.ts";
import { Peer } from "./peer.ts";
import type { Encoding, HoldRules, HubEvent, HubHooks, Link, Origin, Payload, TopicRate } from "./ports.ts";
import { slowReasons } from "./ports.ts";
import { Presences } from "./presences.ts";
import { type Delivery, type Member, type OnTrouble, Topic } from "./topic.ts";
import { Traffic } from "./traffic.ts";

const NOBODY: readonly Member[] = [];

/**
 * The core: who is in which topic, and who gets which message. No I/O and no timers: sockets are links,
 * and all its methods are synchronous, so a sender's messages reach every outbox in the order they came.
 */
export class Hub {
  readonly #options: HubOptions;
  readonly #createTopicRate: () => TopicRate | undefined;
  readonly #hooks: HubHooks | undefined;
  readonly #topics = new Map<string, Topic>();
  readonly #holds: Holds;
  readonly #presences: Presences;
  /** Found to read too slowly by the operation at hand. */
  readonly #fullPeers: Peer<Member>[] = [];
  readonly #handles: Handles;
  readonly #handlesInUse = new Set<number>();
  readonly #published = new Traffic();
  #peerCount = 0;
  #joinCount = 0;
  #leaveCount = 0;
  readonly #drops = new Counter(dropReasons);
  readonly #delivered = new Map<Encoding, Traffic>();
  readonly #ended = new Counter<EndReason>(["outbox-full", ...slowReasons]);
  readonly #onTrouble: OnTrouble = (peer, outcome) => this.#trouble(peer, outcome);

  constructor(options: HubOptions, { time, createTopicRate = () => undefined, hooks }: HubParts) {
    this.#options = options;
    this.#createTopicRate = createTopicRate;
    this.#hooks = hooks;
    this.#handles = new Handles(options.handleShare);
    this.#holds = new Holds(options, {
      time,
      give: (to, event) => this.#give(to, event, undefined),
      onRound: (peer) => this.#presences.serve(peer),
      tell: (peer, frame) => this.#offer(peer, frame),
      afterGiving: () => this.#endFullPeers(),
      onLost: (why, count) => this.#drops.add(why, count),
    });
    this.#presences = new Presences({
      time,
      isNews: (to, member) => this.isNews(to, member),
      give: (to, event, origin, frame) => this.#give(to, event, origin, frame),
      afterGiving: () => this.#endFullPeers(),
    });
  }

  /**
   * Takes up a connection. It is in no topic yet and counts as no peer. The caller owes a `disconnect`.
   * @param holdRules how much of it may be held for others while it is read; left out: nothing.
   */
  connect(link: Link, holdRules: HoldRules = { holdLimitBytes: 0 }): Peer<Member> {
    return new Peer<Member>(link, this.#options, holdRules);
  }

  /** The topic of this name while it has members. */
  topic(topicName: string): Topic | undefined {
    return this.#topics.get(topicName);
  }

  /** Whether one more member would be too many. */
  isFull(topicName: string): boolean {
    const { maxMembersPerTopic = 0 } = this.#options;
    const memberCount = this.#topics.get(topicName)?.memberCount ?? 0;
    return maxMembersPerTopic > 0 && memberCount >= maxMembersPerTopic;
  }

  /** All topics that have members. A view: it changes as they come and go. */
  topics(): Iterable<Topic> {
    return this.#topics.values();
  }

  /**
   * Adds a peer to a topic, tells the members who were there before, and welcomes the new one. One that is in it already
   * leaves it first, and is owed under its new name what it was owed under the old.
   * @param welcome the frames that the new member gets, before anything else of this topic. Who is there:
   *   `member.topic.members()`, in join order, the new one last. Undefined: it knows, from what it was told before.
   */
  join(peer: Peer<Member>, { topicName, encoding, ...naming }: Join, welcome: Welcome | undefined): Member {
    const before = peer.memberOf(topicName);
    const topic = this.#topics.get(topicName) ?? this.#open(topicName);
    // Though it be empty meanwhile the topic stays, with its rate and its handles.
    if (before !== undefined) this.#takeOut(before);
    const member = topic.add(peer, naming, this.#deliveryIn(encoding));
    this.#joinCount += 1;
    if (peer.topicCount === 0) this.#peerCount += 1;
    peer.add(member);
    this.#tellOthers(topic, { type: "peer-joined", member }, member);
    if (before !== undefined) this.#holds.renamed(before, member, { isWelcomed: welcome !== undefined });
    for (const frame of welcome?.(member) ?? []) this.#offer(peer, frame);
    // Joining again and again under other names is sending too: it waits for slow readers, and for the topic's rate.
    if (topic.memberCount > 1) this.#sent(member, 0);
    this.#endFullPeers();
    return member;
  }

  /** Whether a peer was not told yet that this member came: it will be, and where the member is cut off before, of neither. */
  isNews(to: Peer<Member>, member: Member): boolean {
    return this.#holds.hasNewcomer(to, member);
  }

  /** A member shows something else. The others are told in a moment: of several changes, of the last. */
  show(member: Member, presence: string): void {
    member.topic.show(member, presence);
    this.#presences.changed(member.topic);
    this.#hooks?.published(member.topicName, { type: "presence", member });
    this.#sent(member, Buffer.byteLength(presence));
  }

  /** From now on this member gets its frames in another encoding, and takes payloads of this size; undefined: of any. */
  changeDelivery(member: Member, { encoding, maxPayloadBytes }: Pick<Join, "encoding" | "maxPayloadBytes">): void {
    member.topic.change(member, this.#deliveryIn(encoding), maxPayloadBytes);
  }

  /** Data, signals and presences that members were given in one encoding: frames, one for each, and their bytes. It goes on counting. */
  delivered(encoding: Encoding): Traffic {
    let traffic = this.#delivered.get(encoding);
    if (traffic === undefined) {
      traffic = new Traffic();
      this.#delivered.set(encoding, traffic);
    }
    return traffic;
  }

  /** Takes a member out of its topic, and tells the rest. An empty topic vanishes. Idempotent. */
  leave(member: Member): void {
    this.#holds.left(member);
    this.#remove(member);
    this.#endFullPeers();
  }

  /** Publishes a payload to every other member of the sender's topic. @param notTo do not get it either: the sender's own. */
  publish(from: Member, payload: Payload, notTo: readonly Member[] = NOBODY): void {
    const { topic } = from;
    this.#count(topic, payload);
    const tooSmall = topic.tooSmallFor(payload, from, notTo);
    const leftOut = notTo.length === 0 ? tooSmall : new Set([...tooSmall, ...notTo]);
    this.#tellOthers(topic, { type: "data", from, to: undefined, payload }, from, leftOut);
    this.#leaveOut(tooSmall, from, payload);
    this.#sent(from, payload.byteLength);
    this.#endFullPeers();
  }

  /** Sends a payload to one other member of the sender's topic. */
  send(from: Member, to: number, payload: Payload): "sent" | "no-such-peer" {
    const member = from.topic.memberByHandle(to);
    if (member === undefined || member === from || member.peer.outbox.isEnough) return "no-such-peer";
    this.#count(from.topic, payload);
    this.#deliver(member, { type: "data", from, to, payload }, from);
    return "sent";
  }

  /**
   * The same to several; those that are not there, doubled ones and the sender are passed over.
   * @returns how many are left, each of whom is sent it.
   */
  sendToList(from: Member, to: readonly number[], payload: Payload): number {
    const members = [...new Set(to)]
      .map((handle) => from.topic.memberByHandle(handle))
      .filter((member) => member !== undefined && member !== from && !member.peer.outbox.isEnough);
    // Frames that name no addressee are written once for all of them.
    const frames = new Map<Encoding, Uint8Array>();
    for (const member of members) {
      // To give one of them its message may end others, and the sender too.
      if (member === undefined || member.peer.isOver || from.peer.isOver) continue;
      this.#count(from.topic, payload);
      const event = { type: "data", from, to: member.peerHandle, payload } as const;
      const { encoding } = member;
      const frame = encoding.isAlikeForAll(payload) ? (frames.get(encoding) ?? encoding.encode(event)) : undefined;
      if (frame !== undefined) frames.set(encoding, frame);
      this.#deliver(member, event, from, frame);
    }
    return members.length;
  }

  /** Sends a message of a dialect's own kind to one other member of the sender's topic, if that member takes the kind. */
  sendKind(from: Member, kind: string, to: number, payload: Payload): "sent" | "no-such-peer" | "not-taken" {
    const member = from.topic.memberByHandle(to);
    if (member === undefined || member === from || member.peer.outbox.isEnough) return "no-such-peer";
    if (!member.encoding.takes(kind)) return "not-taken";
    this.#deliver(member, { type: "addressed", kind, from, to, payload }, from);
    return "sent";
  }

  /**
   * Gives the members of a topic an event from elsewhere: another node, or a store. One with an addressee goes to that
   * member alone. Nothing happens where the topic has no members here, or the addressee does not take the kind. There is no
   * sender here at which it could be held: who has no room gets it all the same, up to the bound of its outbox.
   * @param except a member that does not get it.
   */
  deliver(topicName: string, event: HubEvent, except?: Member): void {
    const topic = this.#topics.get(topicName);
    if (topic === undefined) return;
    const to = "to" in event ? event.to : undefined;
    const members = to === undefined ? topic.fanOut(event, except, undefined) : [topic.memberByHandle(to)];
    for (const member of members ?? []) if (member && member !== except) this.#give(member, event, undefined);
    this.#endFullPeers();
  }

  /** Offers a dialect's own frame (an answer, an error) to a peer, under the same bound as everything else. */
  offer(peer: Peer<Member>, frame: Uint8Array): void {
    this.#offer(peer, frame);
    this.#endFullPeers();
  }

  /** Ends the readers that have been congested for too long. To be called a few times a second. */
  endOverdueReaders(): void {
    for (const [peer, why] of this.#holds.overdue()) {
      this.#endSlow(peer, why);
      this.#endFullPeers();
    }
    this.#holds.lookAround();
    this.#endFullPeers();
  }

  /**
   * Takes a connection out of every topic for good, and tells the rest. Idempotent.
   * @param how it ended: what is held of one that closed as it should is still delivered, for a while; that of one that
   *   was cut off is not.
   */
  disconnect(peer: Peer<Member>, how: Ending = "cut"): void {
    this.#removeFromAll(peer, how);
    this.#endFullPeers();
  }

  /** The close of a connection is on its way: it is delivered nothing more. It stays a member until `disconnect`. */
  stopDelivering(peer: Peer<Member>): void {
    this.#holds.gone(peer);
    this.#presences.gone(peer);
    peer.outbox.enough();
  }

  counts(): HubCounts {
    return {
      topics: this.#topics.size,
      peers: this.#peerCount,
      messages: this.#published.messageCount,
      bytes: this.#published.byteCount,
      outboxesFull: this.#ended.of("outbox-full"),
      stalledReaders: this.#ended.of("stalled"),
      slowReaders: this.#ended.of("slow"),
      pauses: this.#holds.pauseCount,
      heldBytes: this.#holds.byteCount,
      joins: this.#joinCount,
      leaves: this.#leaveCount,
      congested: this.#holds.congestedCount,
      drops: this.#drops.read(),
    };
  }

  #open(topicName: string): Topic {
    const handle = this.#handles.next((taken) => this.#handlesInUse.has(taken));
    const handles = new Handles(this.#options.handleShare);
    const topic = new Topic(topicName, handle, { onTrouble: this.#onTrouble, rate: this.#createTopicRate(), handles });
    this.#handlesInUse.add(handle);
    this.#topics.set(topicName, topic);
    this.#hooks?.topicOpened(topicName);
    return topic;
  }

  #deliveryIn(encoding: Encoding): Delivery {
    return { encoding, delivered: this.delivered(encoding) };
  }

  #tellOthers(topic: Topic, event: HubEvent, member: Member, leftOut?: ReadonlySet<Member>): void {
    const owedTo = topic.fanOut(event, member, member.peer.link, leftOut);
    if (owedTo !== undefined) this.#holds.hold(member.peer, event, owedTo);
    this.#hooks?.published(topic.name, event);
  }

  /** @param frame the event as it is written for this member, where it is written already. */
  #deliver(to: Member, event: HubEvent & { readonly payload: Payload }, from: Member, frame?: Uint8Array): void {
    if (event.payload.isLargerThan(to.maxPayloadBytes)) this.#leaveOut([to], from, event.payload);
    else if (to.peer.outbox.hasRoom) this.#give(to, event, from.peer.link, frame);
    else this.#holds.hold(from.peer, event, [to]);
    this.#sent(from, event.payload.byteLength);
    this.#endFullPeers();
  }

  /** Members are told that a message was left out for them, in the place where it would have come. */
  #leaveOut(members: Iterable<Member>, from: Member, { byteLength }: Payload): void {
    const event = { type: "omitted", from, count: 1, sizeBytes: byteLength } as const;
    const encoded = new EncodedEvent(event);
    for (const to of members) {
      if (!to.encoding.takes(event.type)) continue;
      if (to.peer.outbox.hasRoom) this.#give(to, event, from.peer.link, encoded.frameFor(to.encoding));
      else this.#holds.hold(from.peer, event, [to]);
    }
  }

  #give(to: Member, event: HubEvent, origin: Origin | undefined, written?: Uint8Array): void {
    const kind = event.type === "addressed" ? event.kind : event.type;
    if (kind !== "data" && !to.encoding.takes(kind)) return;
    const frame = written ?? to.encoding.encode(event);
    if ("payload" in event || event.type === "presence") to.delivered.add(1, frame.length);
    this.#offer(to.peer, frame, origin);
  }

  #offer(peer: Peer<Member>, frame: Uint8Array, origin?: Origin): void {
    const outcome = peer.outbox.offer(frame, origin);
    if (outcome !== "queued") this.#trouble(peer, outcome);
  }

  #trouble(peer: Peer<Member>, outcome: "congested" | "outbox-full" | "closed"): void {
    if (outcome === "congested") {
      this.#holds.congested(peer);
      return;
    }
    this.#drops.add(outcome);
    if (outcome === "outbox-full") this.#fullPeers.push(peer);
  }

  #count(topic: Topic, { byteLength }: Payload): void {
    this.#published.add(1, byteLength);
    topic.count(byteLength);
  }

  /** The message is on its way; its sender may have to wait before the next one: the topic may be above its rate. */
  #sent(from: Member, byteLength: number): void {
    const { rate } = from.topic;
    if (rate === undefined) return;
    const waitMs = rate.published(byteLength);
    if (waitMs > 0) from.peer.link.pauseFor(waitMs);
  }

  /** @returns whether it was in the relay until now. */
  #removeFromAll(peer: Peer<Member>, how: Ending): boolean {
    if (!peer.end()) return false;
    this.#holds.gone(peer);
    this.#presences.gone(peer);
    const strangers = how === "cut" ? this.#holds.discard(peer) : undefined;
    for (const member of peer.memberships()) this.#remove(member, strangers);
    if (how === "closed") this.#holds.outlive(peer);
    return true;
  }

  /** @param strangers where it was cut off: who never heard of it. */
  #remove(member: Member, strangers?: Strangers): void {
    const { topic } = member;
    if (!this.#takeOut(member, strangers) || topic.memberCount > 0) return;
    this.#topics.delete(topic.name);
    this.#handlesInUse.delete(topic.handle);
    this.#hooks?.topicClosed(topic.name);
  }

  /** @returns whether it was in there. */
  #takeOut(member: Member, strangers?: Strangers): boolean {
    const { peer, topic } = member;
    if (!peer.remove(member)) return false;
    this.#leaveCount += 1;
    if (peer.topicCount === 0) this.#peerCount -= 1;
    topic.remove(member);
    if (strangers === undefined) this.#tellOthers(topic, { type: "peer-left", member }, member);
    else this.#tellAtOnce(topic, { type: "peer-left", member }, strangers.get(member));
    return true;
  }

  /** There is no sender any more at which it could be held: who has no room gets it all the same. */
  #tellAtOnce(topic: Topic, event: HubEvent, strangers: ReadonlySet<Peer<Member>> | undefined): void {
    const owedTo = topic.fanOut(event, undefined, undefined);
    for (const member of owedTo ?? []) if (!strangers?.has(member.peer)) this.#give(member, event, undefined);
    this.#hooks?.published(topic.name, event);
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

  #endSlow(peer: Peer<Member>, why: EndReason): void {
    // Found slow twice: by the check, and by a frame that the check's own peer-left could not add to its outbox.
    if (!this.#removeFromAll(peer, "cut")) return;
    const { code, reason } = this.#options.closeFor[why];
    this.#ended.add(why);
    // Past the bound of the outbox, which is closed: one small frame, and the last.
    const lastWord = why === "outbox-full" ? peer.holdRules.encodeLastWord?.() : undefined;
    if (lastWord !== undefined) peer.link.send(lastWord);
    peer.link.close(code, reason);
  }
}
