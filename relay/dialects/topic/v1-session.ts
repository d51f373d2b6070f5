import type { ErrorCode } from "../../../protocol/error-codes.ts";
import { decodeBinaryData } from "../../../protocol/v1-binary.ts";
import {
  decodeV1Message,
  encodeV1Error,
  encodeV1Joined,
  encodeV1Presence,
  encodeV1Restarting,
  type V1Message,
  v1ClientDataStart,
} from "../../../protocol/v1-json.ts";
import type { Link, Session } from "../../hub/ports.ts";
import { nameOf, textFrame, toText, v1BinaryEncoding, v1JsonEncoding } from "./codec.ts";
import { TopicPayload } from "./payload.ts";
import { makeFreePeerId } from "./peer-id.ts";
import type { SessionParts, TopicMember, TopicPeer } from "./session-parts.ts";
import { spliceData } from "./splice.ts";

/** A client that offered `postern.v1`: many topics, one addressee, signals, and a typed answer to every mistake. */
export class V1Session implements Session {
  readonly #parts: SessionParts;
  readonly #peer: TopicPeer;
  readonly #byTopicHandle = new Map<number, TopicMember>();
  /** Where it last published by text, and what such a message begins with. */
  #lastTopic: string | undefined;
  #lastDataStart: Uint8Array | undefined;
  #hasJoined = false;

  constructor(parts: SessionParts, link: Link) {
    this.#parts = parts;
    this.#peer = parts.hub.connect(link);
  }

  get hasJoined(): boolean {
    return this.#hasJoined;
  }

  receive(bytes: Uint8Array, isBinary: boolean, isPrintable: boolean): void {
    if (this.#peer.outbox.isClosed) return;
    if (isBinary) this.#receiveBinary(bytes);
    else if (!isPrintable || !this.#publishSpliced(bytes)) this.#receiveText(bytes);
  }

  #receiveBinary(bytes: Uint8Array): void {
    const data = decodeBinaryData(bytes);
    const own = data === undefined ? undefined : this.#byTopicHandle.get(data.topicHandle);
    let refusal: ErrorCode | undefined;
    if (data === undefined) refusal = "bad-message";
    else if (own === undefined) refusal = "not-joined";
    else refusal = this.#publish(own, data.to, TopicPayload.fromRaw(data.payload));
    if (refusal !== undefined) this.#answer(encodeV1Error(refusal, undefined));
  }

  /** The short way for a message like the last one. @returns whether it was one. */
  #publishSpliced(bytes: Uint8Array): boolean {
    if (this.#lastDataStart === undefined || this.#lastTopic === undefined) return false;
    const own = this.#peer.memberships.get(this.#lastTopic);
    const spliced = own === undefined ? undefined : spliceData(bytes, this.#lastDataStart);
    if (own === undefined || spliced === undefined) return false;
    this.#parts.hub.publish(own, TopicPayload.fromJsonText(spliced));
    return true;
  }

  #receiveText(bytes: Uint8Array): void {
    const message = decodeV1Message(toText(bytes) ?? "");
    const refusal = this.#apply(message);
    if (refusal !== undefined) this.#answer(encodeV1Error(refusal, message.ref));
  }

  announceRestart(reconnectWithinMs: number): void {
    this.#answer(encodeV1Restarting(reconnectWithinMs));
  }

  end(): void {
    this.#parts.hub.disconnect(this.#peer);
  }

  /** @returns why the message was not taken, if it was not. */
  #apply(message: V1Message): ErrorCode | undefined {
    if (message.type === "invalid") return message.code;
    if (message.type === "join") return this.#join(message);
    const member = this.#peer.memberships.get(message.topic);
    if (member === undefined) return "not-joined";
    switch (message.type) {
      case "leave":
        return this.#leave(member, message.ref);
      case "data":
        this.#expectLike(message.topic);
        return this.#publish(member, message.to, TopicPayload.fromString(message.data));
      case "offer":
      case "answer":
      case "candidate":
        return refusalOf(this.#parts.hub.signal(member, message.type, message.to, message.payload));
    }
  }

  /** The next message is most likely of the same topic. */
  #expectLike(topicName: string): void {
    if (this.#lastTopic === topicName) return;
    this.#lastTopic = topicName;
    this.#lastDataStart = new TextEncoder().encode(v1ClientDataStart(topicName));
  }

  #join({
    topic: topicName,
    peerId: claimedPeerId,
    encoding: wanted,
    ref,
  }: Extract<V1Message, { type: "join" }>): ErrorCode | undefined {
    const { hub, limits, nowMs } = this.#parts;
    const encoding = wanted === "binary" ? v1BinaryEncoding : v1JsonEncoding;
    const known = this.#peer.memberships.get(topicName);
    if (known !== undefined && (claimedPeerId === undefined || claimedPeerId === known.peerId)) {
      known.encoding = encoding;
      hub.offer(this.#peer, this.#joinedFrame(known, ref));
      return undefined;
    }
    const topic = hub.topic(topicName);
    if (claimedPeerId !== undefined && topic?.hasPeerId(claimedPeerId)) return "peer-id-taken";
    if (known !== undefined) this.#leaveTopic(known);
    // To leave may end others, and to be told of that may fill the outbox of this one, which then is ended too.
    if (this.#peer.isEnded) return undefined;
    if (this.#peer.memberships.size >= limits.maxTopicsPerConnection) return "too-many-topics";

    const peerId = claimedPeerId ?? makeFreePeerId(topic, nowMs);
    this.#hasJoined = true;
    hub.join(this.#peer, { topicName, peerId, encoding }, (own) => {
      this.#byTopicHandle.set(own.topicHandle, own);
      return [this.#joinedFrame(own, ref)];
    });
    return undefined;
  }

  #joinedFrame(own: TopicMember, ref: number | undefined): Uint8Array {
    const others = [];
    for (const member of own.topic.members()) if (member !== own) others.push(nameOf(member));
    return textFrame(encodeV1Joined(topicOf(own), nameOf(own), others, this.#parts.limits, ref));
  }

  /** The answer comes last: after it, nothing of this topic follows. */
  #leave(own: TopicMember, ref: number | undefined): undefined {
    this.#leaveTopic(own);
    this.#answer(encodeV1Presence("peer-left", own.topic.name, nameOf(own), ref));
  }

  #leaveTopic(own: TopicMember): void {
    this.#byTopicHandle.delete(own.topicHandle);
    this.#parts.hub.leave(own);
  }

  #publish(own: TopicMember, to: number | undefined, payload: TopicPayload): ErrorCode | undefined {
    if (to !== undefined) return refusalOf(this.#parts.hub.send(own, to, payload));
    this.#parts.hub.publish(own, payload);
    return undefined;
  }

  #answer(text: string): void {
    this.#parts.hub.offer(this.#peer, textFrame(text));
  }
}

function topicOf({ topicName: topic, topicHandle }: TopicMember): { topic: string; topicHandle: number } {
  return { topic, topicHandle };
}

function refusalOf(outcome: "sent" | Extract<ErrorCode, "no-such-peer" | "peer-cannot-signal">): ErrorCode | undefined {
  return outcome === "sent" ? undefined : outcome;
}
