import type { ErrorCode } from "../../../protocol/error-codes.ts";
import type { V1ClientMessage } from "../../../protocol/v1-client-messages.ts";
import { encodeV1RelayMessage, features, MAILBOX_FEATURE } from "../../../protocol/v1-relay-messages.ts";
import type { Peer } from "../../hub/peer.ts";
import type { Encoding } from "../../hub/ports.ts";
import type { Member } from "../../hub/topic.ts";
import type { ConnectionLink, SessionConnection } from "../../session/ports.ts";
import { entryOf, nameOf, textFrame, v1BinaryEncoding, v1JsonEncoding } from "./codec.ts";
import type { MembershipChanges } from "./membership-changes.ts";
import { makeFreePeerId } from "./peer-id.ts";
import type { SessionParts } from "./session-parts.ts";

type JoinMessage = Extract<V1ClientMessage, { type: "join" }>;
type MembersMessage = Extract<V1ClientMessage, { type: "members" }>;
type MemberEntry = ReturnType<typeof entryOf>;

/** A page of members has at most so many bytes: some clients take no more than 32 KiB in one message. */
const PAGE_BYTES = 16_384;
/** No member takes less in a list: so many are more than a page has. */
const MIN_ENTRY_BYTES = 31;
/** A join waits for the owners of its name for no longer than this, and for the answer of one more. */
const MAX_ASKING_MS = 20_000;
const encoder = new TextEncoder();

/** Some of the members, and whether there are more. */
type Page = { readonly members: readonly MemberEntry[]; readonly more: boolean };

/** What a session's joins need of it. */
export type V1JoinsParts = {
  readonly parts: SessionParts;
  readonly link: ConnectionLink;
  readonly connection: SessionConnection;
  readonly peer: Peer<Member>;
  readonly changes: MembershipChanges;
  /** A membership begins: before anything of its topic comes. */
  readonly onJoined: (own: Member) => void;
  /** A membership is about to go on under another name. */
  readonly onRenamed: (own: Member) => void;
  /** Answers a message: counts towards what the client may send. */
  readonly answer: (text: string) => void;
  readonly refuse: (code: ErrorCode, ref: number | undefined) => void;
  /** Stops reading the client, and reads it again: as often as the one, so often the other. */
  readonly hold: () => void;
  readonly release: () => void;
};

/** How a v1 client becomes a member: under which name, whom it may replace, and how it learns who is there. */
export class V1Joins {
  readonly #own: V1JoinsParts;
  #hasDecided = false;
  /** Takes back the question that a join waits for. */
  #withdraw: (() => void) | undefined;

  constructor(own: V1JoinsParts) {
    this.#own = own;
  }

  /** Whether it has joined, or tried to where there was no place for it yet: it is no idle connection. */
  get hasDecided(): boolean {
    return this.#hasDecided;
  }

  /** Takes a join, which is answered, or refused, at once or later. */
  join(message: JoinMessage): void {
    const outcome = this.#try(message);
    if (outcome === undefined) return;
    if (typeof outcome === "string") this.#own.refuse(outcome, message.ref);
    else this.#waitFor(outcome, message, this.#own.parts.time.nowMs + MAX_ASKING_MS);
  }

  /** Answers with the page of members behind a handle. */
  members(own: Member, { after, ref }: MembersMessage): void {
    this.#own.changes.count();
    const { members, more } = this.#page(own, after);
    this.#own.answer(encodeV1RelayMessage({ type: "members", topic: own.topicName, members, more, ref }));
  }

  /** The session is over: nothing is waited for any more. */
  end(): void {
    this.#withdraw?.();
    this.#withdraw = undefined;
  }

  /** @returns undefined: it is answered; or why it was not taken; or who has the name. */
  #try(message: JoinMessage): ErrorCode | Member | undefined {
    const { parts, connection, peer, onRenamed } = this.#own;
    const { topic: topicName, peerId, presence } = message;
    // Before the topic is looked for: whether it exists must not show, in the answer or in its time.
    if (!connection.access.mayJoin(topicName)) return "not-permitted";
    if (presence !== undefined && !connection.access.mayPublish) return "not-permitted";
    if (message.takeover !== undefined) this.#takeOver(topicName, message.takeover);
    const known = peer.memberOf(topicName);
    if (known !== undefined && (peerId === undefined || peerId === known.peerId)) return this.#again(known, message);
    this.#hasDecided = true;
    const owner = peerId === undefined ? undefined : parts.hub.topic(topicName)?.membersByPeerId(peerId)[0];
    if (owner !== undefined) return owner;
    if (known === undefined && parts.hub.isFull(topicName)) return "topic-full";
    if (known !== undefined) onRenamed(known);
    else if (peer.topicCount >= parts.limits.maxTopicsPerConnection) return "too-many-topics";
    this.#enter(message);
    return undefined;
  }

  #enter(message: JoinMessage): void {
    const { parts, link, connection, peer, changes, onJoined } = this.#own;
    const { topic: topicName, maxPayloadBytes, presence } = message;
    const peerId = message.peerId ?? makeFreePeerId(parts.hub.topic(topicName), parts.nowMs);
    changes.count();
    const encoding = encodingOf(message);
    parts.hub.join(peer, { topicName, peerId, presence, maxPayloadBytes, encoding }, (own) => {
      onJoined(own);
      const frame = textFrame(this.#joined(own, this.#firstPage(own, message), message));
      link.charge({ messageCount: 0, byteCount: frame.length });
      return [frame];
    });
    connection.joined(topicName);
  }

  /** A membership that is there already: how it gets its messages may change, and what it shows; the answer is short. */
  #again(known: Member, message: JoinMessage): undefined {
    const { parts, changes, answer } = this.#own;
    changes.count();
    parts.hub.changeDelivery(known, { encoding: encodingOf(message), maxPayloadBytes: message.maxPayloadBytes });
    if (message.presence !== undefined) parts.hub.show(known, message.presence);
    answer(this.#joined(known, { members: [], more: known.topic.memberCount > 1 }, message));
  }

  /** The same client as before, who proves it: the connection that it left behind ends, whatever is known of it. */
  #takeOver(topicName: string, secret: string): void {
    const { parts, peer } = this.#own;
    const topic = parts.hub.topic(topicName);
    // Looked at where there is no such topic too: that must not show in the time it takes.
    const peerHandle = parts.takeovers.provedBy(secret, topic?.handle ?? 0);
    const before = peerHandle === undefined ? undefined : topic?.memberByHandle(peerHandle);
    if (before === undefined || before.peer === peer) return;
    parts.connections.of(before.peer)?.takenOver();
  }

  /** Nothing that was sent behind this join is taken until it is known whether the owner is there. */
  #waitFor(owner: Member, message: JoinMessage, untilMs: number): void {
    const { parts, peer, refuse, hold, release } = this.#own;
    const other = parts.connections.of(owner.peer);
    if (other === undefined) {
      refuse("peer-id-taken", message.ref);
      return;
    }
    hold();
    this.#withdraw = other.probe((isThere) => {
      this.#withdraw = undefined;
      release();
      if (peer.isOver) return;
      this.#safely(() => {
        if (!isThere) other.lost();
        this.#goOn(owner, message, untilMs);
      });
    });
  }

  /** The owner has answered, or left meanwhile, or is gone: then the name is free, or somebody else's. */
  #goOn(asked: Member, message: JoinMessage, untilMs: number): void {
    const { parts, refuse } = this.#own;
    const isStillOwner = parts.hub.topic(message.topic)?.memberByHandle(asked.peerHandle) === asked;
    const outcome = isStillOwner ? "peer-id-taken" : this.#try(message);
    if (outcome === undefined) return;
    if (typeof outcome === "string") refuse(outcome, message.ref);
    else if (parts.time.nowMs >= untilMs) refuse("peer-id-taken", message.ref);
    else this.#waitFor(outcome, message, untilMs);
  }

  /** Nobody calls this but a timer: a defect must end one connection and not the process. */
  #safely(goOn: () => void): void {
    try {
      goOn();
    } catch (error) {
      this.#own.connection.failed(error);
    }
  }

  #firstPage(own: Member, { maxMembers }: JoinMessage): Page {
    if (maxMembers === undefined) return this.#page(own, 0);
    const count = Math.min(maxMembers, Math.ceil(PAGE_BYTES / MIN_ENTRY_BYTES));
    return { members: pageOf(own.topic.sample(count, own)).members, more: false };
  }

  /**
   * Handles rise, so who comes meanwhile is behind, and told of by an event all the same. Whose coming is yet to be told is
   * in no page: if it is cut off before, neither its coming is told nor its leaving.
   */
  #page(own: Member, after: number): Page {
    const { hub } = this.#own.parts;
    return pageOf(own.topic.membersAfter(after), (member) => member !== own && !hub.isNews(own.peer, member));
  }

  #joined(own: Member, { members, more }: Page, { attest, ref }: JoinMessage): string {
    const { topicName: topic, topicHandle } = own;
    const { attestation, limits, linkFeatures = [], mailboxes, pingIntervalMs, takeovers } = this.#own.parts;
    return encodeV1RelayMessage({
      type: "joined",
      topic,
      topicHandle,
      ...nameOf(own),
      members,
      limits,
      memberCount: own.topic.memberCount,
      more,
      takeover: takeovers.secretOf(own),
      pingIntervalMs,
      features: [...features, ...(mailboxes === undefined ? [] : [MAILBOX_FEATURE]), ...linkFeatures],
      attestation: attest === true ? attestation?.() : undefined,
      ref,
    });
  }
}

/** As many as fit of those that are listed. */
function pageOf(members: Iterable<Member>, isListed: (member: Member) => boolean = () => true): Page {
  const entries: MemberEntry[] = [];
  let byteCount = 0;
  for (const member of members) {
    if (!isListed(member)) continue;
    const entry = entryOf(member);
    byteCount += bytesOf(entry);
    if (byteCount > PAGE_BYTES) return { members: entries, more: true };
    entries.push(entry);
  }
  return { members: entries, more: false };
}

function encodingOf({ encoding }: JoinMessage): Encoding {
  return encoding === "binary" ? v1BinaryEncoding : v1JsonEncoding;
}

/** What one member takes in a list, its comma included. */
function bytesOf(entry: MemberEntry): number {
  return encoder.encode(JSON.stringify(entry)).length + 1;
}
