import type { ErrorCode } from "../../../protocol/error-codes.ts";
import type { V1ClientMessage } from "../../../protocol/v1-client-messages.ts";
import { encodeV1RelayMessage, features } from "../../../protocol/v1-relay-messages.ts";
import type { Peer } from "../../hub/peer.ts";
import type { Encoding } from "../../hub/ports.ts";
import type { Member } from "../../hub/topic.ts";
import type { ConnectionLink, SessionConnection } from "../../session/ports.ts";
import { nameOf, textFrame, v1BinaryEncoding, v1JsonEncoding } from "./codec.ts";
import { makeFreePeerId } from "./peer-id.ts";
import type { SessionParts } from "./session-parts.ts";

type JoinMessage = Extract<V1ClientMessage, { type: "join" }>;
type MembersMessage = Extract<V1ClientMessage, { type: "members" }>;
type MemberName = ReturnType<typeof nameOf>;

/** A page of members has at most so many bytes: some clients take no more than 32 KiB in one message. */
const PAGE_BYTES = 16_384;
const encoder = new TextEncoder();

/** What a session's joins need of it. */
export type V1JoinsParts = {
  readonly parts: SessionParts;
  readonly link: ConnectionLink;
  readonly connection: SessionConnection;
  readonly peer: Peer<Member>;
  /** A membership begins: before anything of its topic comes. */
  readonly onJoined: (own: Member) => void;
  /** Ends one of the own memberships, and tells the others. */
  readonly leave: (own: Member) => void;
  readonly refuse: (code: ErrorCode, ref: number | undefined) => void;
};

/** How a v1 client becomes a member: under which name, whom it may replace, and how it learns who is there. */
export class V1Joins {
  readonly #own: V1JoinsParts;
  #hasDecided = false;

  constructor(own: V1JoinsParts) {
    this.#own = own;
  }

  /** Whether it has joined, or tried to under a name that is in use: it is no idle connection. */
  get hasDecided(): boolean {
    return this.#hasDecided;
  }

  /** @returns why the join was not taken, if it was not; the answer may also come later. */
  join(message: JoinMessage): ErrorCode | undefined {
    const { parts, connection, peer, leave } = this.#own;
    const { topic: topicName, peerId } = message;
    // Before the topic is looked for: whether it exists must not show, in the answer or in its time.
    if (!connection.access.mayJoin(topicName)) return "not-permitted";
    this.#takeOver(message);
    const known = peer.memberOf(topicName);
    if (known !== undefined && (peerId === undefined || peerId === known.peerId)) return this.#again(known, message);
    const owner = peerId === undefined ? undefined : parts.hub.topic(topicName)?.membersByPeerId(peerId)[0];
    if (owner !== undefined) return this.#askOwner(owner, message);
    if (known === undefined && parts.hub.isFull(topicName)) return "topic-full";
    if (known !== undefined) leave(known);
    // To leave may end others, and to be told of that may fill the outbox of this one, which then is ended too.
    if (peer.isOver) return undefined;
    if (peer.topicCount >= parts.limits.maxTopicsPerConnection) return "too-many-topics";
    this.#enter(message);
    return undefined;
  }

  /** Answers with the page of members behind a handle. */
  members(own: Member, { after, ref }: MembersMessage): void {
    const { members, more } = this.#page(own, after);
    this.#answer(encodeV1RelayMessage({ type: "members", topic: own.topicName, members, more, ref }));
  }

  #enter(message: JoinMessage): void {
    const { parts, connection, peer, onJoined } = this.#own;
    const { topic: topicName, maxPayloadBytes, ref } = message;
    const peerId = message.peerId ?? makeFreePeerId(parts.hub.topic(topicName), parts.nowMs);
    this.#hasDecided = true;
    parts.hub.join(peer, { topicName, peerId, maxPayloadBytes, encoding: encodingOf(message) }, (own) => {
      onJoined(own);
      return [this.#joinedFrame(own, this.#firstPage(own, message), ref)];
    });
    connection.joined(topicName);
  }

  /** A membership that is there already: how it gets its messages may change, and the answer is short. */
  #again(known: Member, message: JoinMessage): undefined {
    const { parts, peer } = this.#own;
    parts.hub.changeEncoding(known, encodingOf(message));
    parts.hub.offer(peer, this.#joinedFrame(known, { members: [], more: known.topic.memberCount > 1 }, message.ref));
  }

  /** The same client as before, who proves it: the connection that it left behind ends, whatever is known of it. */
  #takeOver({ topic: topicName, takeover }: JoinMessage): void {
    const { parts, peer } = this.#own;
    const topic = takeover === undefined ? undefined : parts.hub.topic(topicName);
    if (topic === undefined || takeover === undefined) return;
    const before = topic.memberByHandle(Number.parseInt(takeover, 10));
    if (before === undefined || before.peer === peer || parts.takeoverOf(before) !== takeover) return;
    parts.connections.of(before.peer)?.takenOver();
  }

  /** Nothing that was sent behind this join is taken until it is known whether the owner is there. */
  #askOwner(owner: Member, message: JoinMessage): ErrorCode | undefined {
    const { parts, link, peer, refuse } = this.#own;
    this.#hasDecided = true;
    const other = parts.connections.of(owner.peer);
    if (owner.peer === peer || other === undefined) return "peer-id-taken";
    link.hold();
    other.probe((isThere) => {
      if (!peer.isOver) {
        if (!isThere) other.lost();
        const code = isThere ? "peer-id-taken" : this.#safely(() => this.join(message));
        if (code !== undefined) refuse(code, message.ref);
      }
      link.release();
    });
    return undefined;
  }

  /** Nobody calls this but a timer: a defect must end one connection and not the process. */
  #safely(join: () => ErrorCode | undefined): ErrorCode | undefined {
    try {
      return join();
    } catch (error) {
      this.#own.connection.failed(error);
      return undefined;
    }
  }

  #firstPage(
    own: Member,
    { maxMembers }: JoinMessage,
  ): { readonly members: readonly MemberName[]; readonly more: boolean } {
    if (maxMembers === undefined) return this.#page(own, 0);
    const sample = own.topic.sample(maxMembers, own).map(nameOf);
    return { members: sample.slice(0, countThatFits(sample)), more: false };
  }

  /** Handles only rise, so who comes meanwhile is behind, and told of by an event. */
  #page(own: Member, after: number): { readonly members: readonly MemberName[]; readonly more: boolean } {
    const others: MemberName[] = [];
    let byteCount = 0;
    for (const member of own.topic.members()) {
      if (member === own || member.peerHandle <= after) continue;
      const name = nameOf(member);
      byteCount += bytesOf(name);
      if (byteCount > PAGE_BYTES) return { members: others, more: true };
      others.push(name);
    }
    return { members: others, more: false };
  }

  #joinedFrame(
    own: Member,
    { members, more }: { readonly members: readonly MemberName[]; readonly more: boolean },
    ref: number | undefined,
  ): Uint8Array {
    const { topicName: topic, topicHandle } = own;
    const { limits, pingIntervalMs, takeoverOf } = this.#own.parts;
    return textFrame(
      encodeV1RelayMessage({
        type: "joined",
        topic,
        topicHandle,
        ...nameOf(own),
        members,
        limits,
        memberCount: own.topic.memberCount,
        more,
        takeover: takeoverOf(own),
        pingIntervalMs,
        features,
        ref,
      }),
    );
  }

  #answer(text: string): void {
    this.#own.parts.hub.offer(this.#own.peer, textFrame(text));
  }
}

function encodingOf({ encoding }: JoinMessage): Encoding {
  return encoding === "binary" ? v1BinaryEncoding : v1JsonEncoding;
}

/** What one name takes in a list, its comma included. */
function bytesOf(name: MemberName): number {
  return encoder.encode(JSON.stringify(name)).length + 1;
}

function countThatFits(names: readonly MemberName[]): number {
  let byteCount = 0;
  for (const [index, name] of names.entries()) {
    byteCount += bytesOf(name);
    if (byteCount > PAGE_BYTES) return index;
  }
  return names.length;
}
