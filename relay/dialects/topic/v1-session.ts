import type { ErrorCode } from "../../../protocol/error-codes.ts";
import type { JsonSurvey } from "../../../protocol/json-structure.ts";
import { MAX_MESSAGE_BYTES } from "../../../protocol/limits.ts";
import { decodeBinaryClientData } from "../../../protocol/v1-binary.ts";
import {
  decodeV1ClientMessage,
  type SignalType,
  type V1ClientMessage,
  type V1Refused,
} from "../../../protocol/v1-client-messages.ts";
import { encodeV1Error, encodeV1RelayMessage } from "../../../protocol/v1-relay-messages.ts";
import type { Peer } from "../../hub/peer.ts";
import type { HoldNotice, Payload } from "../../hub/ports.ts";
import type { Member } from "../../hub/topic.ts";
import { closeFor } from "../../session/access-closes.ts";
import { BytesPayload } from "../../session/payload.ts";
import type {
  AccessRefusal,
  ConnectionLink,
  Ending,
  Presented,
  RestartNotice,
  Session,
  SessionConnection,
} from "../../session/ports.ts";
import { nameOf, textFrame, toBoundedText } from "./codec.ts";
import { DataShape } from "./data-shape.ts";
import { MembershipChanges } from "./membership-changes.ts";
import type { SessionParts } from "./session-parts.ts";
import { V1Joins } from "./v1-joins.ts";
import { V1Mailboxes } from "./v1-mailboxes.ts";

/** So much may be held of a v1 client while it is read on: it is told, and what is not held goes on meanwhile. */
const HOLD_LIMIT_BYTES = 262_144;
/** When a client whose outbox was full may come back: at once, it would be sent the same. */
const RETRY_AFTER_MS = 1000;

type V1Data = Extract<V1ClientMessage, { type: "data" }>;

/** A client that offered `postern.v1`: many topics, one addressee, signals, and a typed answer to every mistake. */
export class V1Session implements Session {
  readonly #parts: SessionParts;
  readonly #link: ConnectionLink;
  readonly #connection: SessionConnection;
  readonly #peer: Peer<Member>;
  readonly #byTopicHandle = new Map<number, Member>();
  /** Its last `data` for all or for one in text: where it went, and how it was written. */
  #last: { readonly topicName: string; readonly to: number | undefined; readonly shape: DataShape } | undefined;
  readonly #joins: V1Joins;
  readonly #changes: MembershipChanges;
  readonly #mailboxes: V1Mailboxes;
  /** Who waits for room. */
  #waiting: (() => void)[] = [];
  /** How many want the link not to be read. */
  #holdCount = 0;
  /** Refusing: its close is near. Leaving: its close is on its way. */
  #stage: "open" | "refusing" | "leaving" = "open";

  /** @param host that the client dialled. */
  constructor(parts: SessionParts, link: ConnectionLink, connection: SessionConnection, host: string) {
    this.#parts = parts;
    this.#link = link;
    this.#connection = connection;
    this.#peer = parts.hub.connect(link, {
      holdLimitBytes: HOLD_LIMIT_BYTES,
      encodeNotice,
      encodeLastWord: () =>
        textFrame(
          encodeV1Error("outbox-full", undefined, { requestId: connection.requestId, retryAfterMs: RETRY_AFTER_MS }),
        ),
    });
    parts.connections.add(this.#peer, connection);
    this.#changes = new MembershipChanges(parts.time, link);
    this.#joins = new V1Joins({
      parts,
      link,
      connection,
      peer: this.#peer,
      changes: this.#changes,
      onJoined: (own) => void this.#byTopicHandle.set(own.topicHandle, own),
      onRenamed: (own) => {
        this.#byTopicHandle.delete(own.topicHandle);
        connection.left(own.topicName);
      },
      answer: (text) => this.#answer(text),
      refuse: (code, ref) => this.#refuse(code, ref),
      hold: () => this.#hold(),
      release: () => this.#release(),
    });
    this.#mailboxes = new V1Mailboxes({
      parts,
      link,
      connection,
      peer: this.#peer,
      host,
      answer: (text) => this.#answer(text),
      tell: (text) => void this.#tell(text),
      refuse: (code, ref) => this.#refuse(code, ref),
      hold: () => this.#hold(),
      release: () => this.#release(),
      whenRoom: (callback) => this.#whenRoom(callback),
    });
    connection.access.whenEnded((why) => connection.end(closeFor(why)));
  }

  get hasJoined(): boolean {
    return this.#joins.hasDecided || this.#mailboxes.isUsed;
  }

  receive(bytes: Uint8Array, isBinary: boolean, isPrintable: boolean): void {
    if (this.#peer.isOver) return;
    const { v1Binary, v1Json } = this.#parts.traffic;
    (isBinary ? v1Binary : v1Json).add(1, bytes.length);
    if (!this.#connection.access.isGranted) this.#receiveFirst(bytes, isBinary);
    else if (isBinary) this.#receiveBinary(bytes);
    else if (!isPrintable || !this.#publishSpliced(bytes)) this.#receiveText(bytes);
  }

  /** Without a grant there is one thing to say, and one to ask. To anything else there is one answer, whatever it asked for. */
  #receiveFirst(bytes: Uint8Array, isBinary: boolean): void {
    const bounded = isBinary ? undefined : toBoundedText(bytes, MAX_MESSAGE_BYTES);
    const message = bounded && decodeV1ClientMessage(bounded.text);
    if (message?.type === "auth") {
      void this.#authorize(message.token, message.ref);
      return;
    }
    if (message?.type === "ping" && message.pad === undefined) {
      this.#pong(message);
      return;
    }
    this.#connection.access.denied();
    this.#turnAway("missing", message?.ref);
  }

  /** Nothing is taken meanwhile: what the client has sent behind its token waits, in order. Never rejects. */
  async #authorize(token: string, ref: number | undefined): Promise<void> {
    this.#hold();
    try {
      const presented = await this.#connection.access.present(token);
      if (!this.#peer.isOver) this.#authorized(presented, ref);
    } catch (error) {
      // Of one connection: it must not end the process as a rejection that nobody waits for.
      this.#connection.failed(error);
    }
    this.#release();
  }

  #authorized(presented: Presented, ref: number | undefined): void {
    if (presented.outcome === "refused") {
      this.#turnAway(presented.refusal, ref);
    } else if (presented.outcome === "kept") {
      this.#parts.traffic.reject("unauthorized");
      this.#answer(encodeV1Error("unauthorized", ref, { reason: presented.refusal }));
    } else {
      const { access } = this.#connection;
      this.#connection.authorized();
      for (const member of this.#peer.memberships()) {
        if (!access.mayJoin(member.topicName)) this.#leave(member, undefined);
      }
      this.#answer(encodeV1RelayMessage({ type: "authorized", expiresAtMs: presented.expiresAtMs, ref }));
    }
  }

  /** The last error of this connection, and its close. */
  #turnAway(refusal: AccessRefusal, ref: number | undefined): void {
    this.#parts.traffic.reject("unauthorized");
    const { requestId } = this.#connection;
    const close = closeFor(refusal);
    const { retryAfterMs } = close;
    this.#answer(encodeV1Error("unauthorized", ref, { reason: refusal, requestId, retryAfterMs }));
    this.#connection.end(close);
  }

  #receiveBinary(bytes: Uint8Array): void {
    const data = decodeBinaryClientData(bytes);
    const own = data === undefined ? undefined : this.#byTopicHandle.get(data.topicHandle);
    let refusal: ErrorCode | undefined;
    if (data === undefined) refusal = "bad-message";
    else if (this.#stage === "refusing") refusal = "restarting";
    else if (own === undefined) refusal = "not-joined";
    else refusal = this.#publish(own, data.to, BytesPayload.fromRaw(data.payload));
    if (refusal !== undefined) this.#refuse(refusal, undefined);
  }

  /** The short way for a message like the last one. @returns whether it was one, and was taken: a refusal needs its `ref`. */
  #publishSpliced(bytes: Uint8Array): boolean {
    if (this.#last === undefined || this.#stage === "refusing") return false;
    const own = this.#peer.memberOf(this.#last.topicName);
    const payload = own === undefined ? undefined : this.#last.shape.payloadIn(bytes);
    if (own === undefined || payload === undefined) return false;
    return this.#publish(own, this.#last.to, BytesPayload.fromJsonText(payload)) === undefined;
  }

  #receiveText(bytes: Uint8Array): void {
    const bounded = toBoundedText(bytes);
    if (bounded === undefined) {
      this.#refuse("bad-message", undefined);
      return;
    }
    const message = decodeV1ClientMessage(bounded.text);
    if (message.type === "data") this.#expectLike(message, bytes, bounded);
    const refusal = this.#apply(message, bounded);
    if (refusal !== undefined) this.#refuse(refusal, message.ref);
  }

  announceRestart(notice: RestartNotice): void {
    this.#tell(encodeV1RelayMessage({ type: "restarting", ...notice }));
  }

  refuseNew(): void {
    this.#stage = "refusing";
  }

  hearOut(): void {
    this.#stage = "leaving";
    this.#mailboxes.end();
    this.#parts.hub.stopDelivering(this.#peer);
  }

  end(how: Ending): void {
    this.#parts.hub.disconnect(this.#peer, how);
    this.#joins.end();
    this.#mailboxes.end();
  }

  /** @returns why the message was not taken, if it was not. */
  #apply(message: V1ClientMessage | V1Refused, { dataText }: JsonSurvey): ErrorCode | undefined {
    if (message.type === "invalid") return message.code;
    if (message.type === "auth") {
      void this.#authorize(message.token, message.ref);
      return undefined;
    }
    if (message.type === "ping") {
      // Who holds back for others, and who is about to be closed, hears that the line is good.
      if (message.pad !== undefined && !this.hasJoined) return "not-joined";
      this.#pong(message);
      return undefined;
    }
    if (this.#stage === "refusing" && message.type !== "leave") return "restarting";
    if (message.type === "join") {
      if (this.#stage === "leaving") return "restarting";
      this.#joins.join(message);
      this.#waitForRoom();
      return undefined;
    }
    if ("mailbox" in message) return this.#mailboxes.apply(message, dataText);
    const member = this.#peer.memberOf(message.topic);
    if (member === undefined) return "not-joined";
    switch (message.type) {
      case "leave":
        this.#changes.count();
        return this.#leave(member, message.ref);
      case "members":
        this.#joins.members(member, message);
        this.#waitForRoom();
        return undefined;
      case "presence":
        if (!this.#connection.access.mayPublish) return "not-permitted";
        this.#parts.hub.show(member, message.presence);
        return undefined;
      case "data":
        return this.#publish(member, message.to, BytesPayload.fromJsonText(dataText));
      case "offer":
      case "answer":
      case "candidate":
        if (!this.#connection.access.mayPublish) return "not-permitted";
        return this.#signal(member, message);
    }
  }

  /** The next message is most likely written alike. */
  #expectLike({ topic: topicName, to }: V1Data, bytes: Uint8Array, { dataText }: JsonSurvey): void {
    if (typeof to === "object") return;
    const shape = DataShape.of(bytes, dataText);
    this.#last = shape && { topicName, to, shape };
  }

  /** The answer comes last: after it, nothing of this topic follows. */
  #leave(own: Member, ref: number | undefined): undefined {
    this.#leaveTopic(own);
    this.#answer(encodeV1RelayMessage({ type: "peer-left", topic: own.topic.name, ...nameOf(own), ref }));
  }

  #leaveTopic(own: Member): void {
    this.#byTopicHandle.delete(own.topicHandle);
    this.#parts.hub.leave(own);
    this.#connection.left(own.topicName);
  }

  #publish(own: Member, to: number | readonly number[] | undefined, payload: Payload): ErrorCode | undefined {
    if (!this.#connection.access.mayPublish) return "not-permitted";
    if (payload.isLargerThan(this.#parts.limits.maxPayloadBytes)) return "payload-too-large";
    if (typeof to === "object") return this.#sendToList(own, to, payload);
    if (to !== undefined) return refusalOf(this.#parts.hub.send(own, to, payload));
    this.#parts.hub.publish(own, payload);
    return undefined;
  }

  /** Its sender's rates count as many messages as there are receivers. */
  #sendToList(own: Member, to: readonly number[], payload: Payload): ErrorCode | undefined {
    const count = this.#parts.hub.sendToList(own, to, payload);
    if (count === 0) return "no-such-peer";
    this.#link.charge({ messageCount: count - 1, byteCount: (count - 1) * payload.byteLength });
    return undefined;
  }

  #signal(own: Member, { type, to, payload }: Extract<V1ClientMessage, { type: SignalType }>): ErrorCode | undefined {
    const outcome = this.#parts.hub.sendKind(own, type, to, BytesPayload.fromString(payload));
    return outcome === "not-taken" ? "peer-cannot-signal" : refusalOf(outcome);
  }

  /** Never longer than its ping. It does not wait for room: who asks and does not read has its outbox to fill. */
  #pong({ pad, ref }: Extract<V1ClientMessage, { type: "ping" }>): void {
    this.#answer(encodeV1RelayMessage({ type: "pong", pad, ref }));
  }

  #refuse(code: ErrorCode, ref: number | undefined): void {
    this.#parts.traffic.reject(code);
    this.#answer(encodeV1Error(code, ref));
  }

  /** Who asks for more than it reads is not read until it has: so it need not be closed. */
  #waitForRoom(): void {
    if (this.#peer.isOver || this.#peer.outbox.hasRoom) return;
    this.#hold();
    this.#whenRoom(() => this.#release());
  }

  /** The outbox calls back one; here are all who want it. */
  #whenRoom(callback: () => void): void {
    this.#waiting.push(callback);
    if (this.#waiting.length > 1) return;
    this.#peer.outbox.whenRoom(() => {
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const each of waiting) each();
    });
  }

  #hold(): void {
    this.#holdCount += 1;
    this.#link.hold();
  }

  #release(): void {
    this.#holdCount -= 1;
    if (this.#holdCount === 0) this.#link.release();
  }

  /** What the client has asked for counts towards what it may send: little may ask for much. */
  #answer(text: string): void {
    this.#link.charge({ messageCount: 0, byteCount: this.#tell(text) });
  }

  /** @returns the bytes of its frame. */
  #tell(text: string): number {
    const frame = textFrame(text);
    this.#parts.hub.offer(this.#peer, frame);
    return frame.length;
  }
}

function encodeNotice({ state, topicName: topic, to, heldBytes }: HoldNotice): Uint8Array {
  return textFrame(encodeV1RelayMessage({ type: state, topic, to, heldBytes, holdLimitBytes: HOLD_LIMIT_BYTES }));
}

function refusalOf(outcome: "sent" | "no-such-peer"): ErrorCode | undefined {
  return outcome === "sent" ? undefined : outcome;
}
