import {
  CLASSIC_CLIENT_DATA_START,
  type ClassicJoinRefused,
  decodeClassicClientMessage,
} from "../../../protocol/classic-client-messages.ts";
import { encodeClassicRelayMessage } from "../../../protocol/classic-relay-messages.ts";
import { CloseCode } from "../../../protocol/close-codes.ts";
import { MAX_MESSAGE_BYTES } from "../../../protocol/limits.ts";
import type { Peer } from "../../hub/peer.ts";
import type { Link, Payload } from "../../hub/ports.ts";
import type { Member } from "../../hub/topic.ts";
import { closeFor, NOT_PERMITTED_CLOSE } from "../../session/access-closes.ts";
import { BytesPayload } from "../../session/payload.ts";
import type { Close, Ending, Session, SessionConnection } from "../../session/ports.ts";
import { classicEncoding, classicErrorFrame, textFrame, toBoundedText } from "./codec.ts";
import { DataShape } from "./data-shape.ts";
import { MembershipChanges } from "./membership-changes.ts";
import { makeFreePeerId } from "./peer-id.ts";
import type { SessionParts } from "./session-parts.ts";

const TOPIC_FULL_CLOSE: Close = { code: CloseCode.tryAgainLater, reason: "topic-full" };
const TOO_LARGE_CLOSE: Close = { code: CloseCode.messageTooBig, reason: "payload too large" };
const USUAL_SHAPE = DataShape.behind(CLASSIC_CLIENT_DATA_START);

/**
 * A client that knows only the five classic messages. It is in one topic at a time, what it sends wrong is ignored
 * without a word, and `error` is kept for joins, because its `connect()` closes the socket on any `error`.
 */
export class ClassicSession implements Session {
  readonly #parts: SessionParts;
  readonly #connection: SessionConnection;
  readonly #peer: Peer<Member>;
  #member: Member | undefined;
  /** How it wrote its last `data`. */
  #shape = USUAL_SHAPE;
  readonly #changes: MembershipChanges;
  #isLeaving = false;

  constructor(parts: SessionParts, link: Link, connection: SessionConnection) {
    this.#parts = parts;
    this.#connection = connection;
    this.#changes = new MembershipChanges(parts.time, link);
    this.#peer = parts.hub.connect(link);
    parts.connections.add(this.#peer, connection);
    connection.access.whenEnded((why) => connection.end(closeFor(why)));
  }

  get hasJoined(): boolean {
    return this.#member !== undefined;
  }

  /** Takes text or binary, as the original does, if it holds JSON. */
  receive(bytes: Uint8Array, _isBinary: boolean, isPrintable: boolean): void {
    if (this.#peer.isOver) return;
    this.#parts.traffic.classic.add(1, bytes.length);
    const spliced = isPrintable && this.#member !== undefined ? this.#shape.payloadIn(bytes) : undefined;
    if (spliced === undefined) this.#decode(bytes);
    else this.#publish(BytesPayload.fromJsonText(spliced));
  }

  #decode(bytes: Uint8Array): void {
    const { access } = this.#connection;
    const bounded = toBoundedText(bytes, access.isGranted ? undefined : MAX_MESSAGE_BYTES);
    const message = bounded && decodeClassicClientMessage(bounded.text);
    if (bounded === undefined || message === undefined) {
      this.#parts.traffic.reject("bad-message");
      return;
    }
    if (message.type === "data") {
      if (this.#member !== undefined) this.#shape = DataShape.of(bytes, bounded.dataText) ?? this.#shape;
      this.#publish(BytesPayload.fromJsonText(bounded.dataText));
    } else if (!access.isGranted) {
      access.denied();
      this.#turnAway("unauthorized");
    } else if (message.type === "join") {
      this.#join(message.topic, message.peerId);
    } else {
      this.#refuseJoin(message.code);
    }
  }

  announceRestart(): void {
    // The original has no word for it: its clients see close code 1012.
  }

  refuseNew(): void {
    // Nor for this: what it sends is taken to the end.
  }

  hearOut(): void {
    this.#isLeaving = true;
    this.#parts.hub.stopDelivering(this.#peer);
  }

  end(how: Ending): void {
    this.#parts.hub.disconnect(this.#peer, how);
  }

  #publish(payload: Payload): void {
    if (this.#member === undefined) return;
    if (payload.isLargerThan(this.#parts.limits.maxPayloadBytes)) {
      this.#parts.traffic.reject("payload-too-large");
      this.#connection.end(TOO_LARGE_CLOSE);
      return;
    }
    if (this.#connection.access.mayPublish) {
      this.#parts.hub.publish(this.#member, payload);
      return;
    }
    this.#parts.traffic.reject("not-permitted");
    this.#connection.end(NOT_PERMITTED_CLOSE);
  }

  #join(topicName: string, claimedPeerId: string | undefined): void {
    const { hub, nowMs } = this.#parts;
    // Before the topic is looked for: whether it exists must not show, in the answer or in its time.
    if (!this.#connection.access.mayJoin(topicName)) {
      this.#turnAway("not-permitted");
      return;
    }
    const before = this.#member;
    const isSameTopic = before?.topic.name === topicName;
    if (this.#isLeaving) return;
    if (isSameTopic && (claimedPeerId === undefined || claimedPeerId === before.peerId)) return;

    if (!isSameTopic && hub.isFull(topicName)) {
      this.#turnAway("topic-full");
      return;
    }
    this.#changes.count();
    if (before !== undefined && !isSameTopic) this.#leave(before);
    const peerId = claimedPeerId ?? makeFreePeerId(hub.topic(topicName), nowMs);
    // With a new name in the same topic it knows the others already: naming them again would open them twice.
    const welcome = isSameTopic ? undefined : nameOthers;
    if (isSameTopic) this.#connection.left(topicName);
    this.#member = hub.join(this.#peer, { topicName, peerId, encoding: classicEncoding }, welcome);
    this.#connection.joined(topicName);
  }

  #leave(member: Member): void {
    this.#parts.hub.leave(member);
    this.#connection.left(member.topicName);
  }

  /** A missing topic may be put right on the same socket, as with the original; anything else can never succeed. */
  #refuseJoin(code: ClassicJoinRefused["code"]): void {
    this.#parts.traffic.reject(code);
    this.#parts.hub.offer(this.#peer, classicErrorFrame(code));
    if (code !== "topic-required") this.#connection.end({ code: CloseCode.policyViolation, reason: code });
  }

  /** Its one `error`, as for every join that cannot succeed, and the close. */
  #turnAway(code: "unauthorized" | "not-permitted" | "topic-full"): void {
    this.#parts.traffic.reject(code);
    this.#parts.hub.offer(this.#peer, classicErrorFrame(code));
    if (code === "topic-full") this.#connection.end(TOPIC_FULL_CLOSE);
    else this.#connection.end(code === "unauthorized" ? closeFor("missing") : NOT_PERMITTED_CLOSE);
  }
}

/** One frame for each member who was there before, in join order: the client's `connect()` waits for the first. */
function* nameOthers(own: Member): Iterable<Uint8Array> {
  for (const member of own.topic.members()) {
    if (member === own) continue;
    yield textFrame(encodeClassicRelayMessage({ type: "peer-joined", peerId: member.peerId, topic: own.topic.name }));
  }
}
