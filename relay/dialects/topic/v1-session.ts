import { CloseCode } from "../../../protocol/close-codes.ts";
import type { ErrorCode } from "../../../protocol/error-codes.ts";
import {
  decodeV1Message,
  encodeV1Error,
  encodeV1Joined,
  encodeV1Presence,
  encodeV1Restarting,
  type V1Message,
} from "../../../protocol/v1-json.ts";
import type { Member, Peer } from "../../hub/peer.ts";
import type { Link, Session } from "../../hub/ports.ts";
import { nameOf, toFrame, toText, v1JsonEncoding } from "./codec.ts";
import { makeFreePeerId } from "./peer-id.ts";
import type { SessionParts } from "./session-parts.ts";

/** A client that offered `postern.v1`: many topics, one addressee, signals, and a typed answer to every mistake. */
export class V1Session implements Session {
  readonly #parts: SessionParts;
  readonly #peer: Peer;
  #hasJoined = false;

  constructor(parts: SessionParts, link: Link) {
    this.#parts = parts;
    this.#peer = parts.hub.connect(link, v1JsonEncoding);
  }

  get hasJoined(): boolean {
    return this.#hasJoined;
  }

  receive(bytes: Uint8Array, isBinary: boolean): void {
    if (this.#peer.outbox.isClosed) return;
    if (isBinary) {
      this.#parts.hub.end(this.#peer, CloseCode.unsupportedData, "postern.v1 takes text frames");
      return;
    }
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
        return this.#publish(member, message);
      case "offer":
      case "answer":
      case "candidate":
        return refusalOf(this.#parts.hub.signal(member, message.type, message.to, message.payload));
    }
  }

  #join({ topic: topicName, peerId: claimedPeerId, ref }: Extract<V1Message, { type: "join" }>): ErrorCode | undefined {
    const { hub, limits, nowMs } = this.#parts;
    const known = this.#peer.memberships.get(topicName);
    if (known !== undefined && (claimedPeerId === undefined || claimedPeerId === known.peerId)) {
      hub.offer(this.#peer, this.#joinedFrame(known, ref));
      return undefined;
    }
    const topic = hub.topic(topicName);
    if (claimedPeerId !== undefined && topic?.hasPeerId(claimedPeerId)) return "peer-id-taken";
    if (known !== undefined) hub.leave(known);
    else if (this.#peer.memberships.size >= limits.maxTopicsPerConnection) return "too-many-topics";

    const peerId = claimedPeerId ?? makeFreePeerId(topic, nowMs);
    this.#hasJoined = true;
    hub.join(this.#peer, topicName, peerId, (own) => [this.#joinedFrame(own, ref)]);
    return undefined;
  }

  #joinedFrame(own: Member, ref: number | undefined): Uint8Array {
    const others = [];
    for (const member of own.topic.members()) if (member !== own) others.push(nameOf(member));
    return toFrame(encodeV1Joined(own.topic.name, nameOf(own), others, this.#parts.limits, ref));
  }

  /** The answer comes last: after it, nothing of this topic follows. */
  #leave(own: Member, ref: number | undefined): undefined {
    this.#parts.hub.leave(own);
    this.#answer(encodeV1Presence("peer-left", own.topic.name, nameOf(own), ref));
  }

  #publish(own: Member, { to, data }: Extract<V1Message, { type: "data" }>): ErrorCode | undefined {
    if (to !== undefined) return refusalOf(this.#parts.hub.send(own, to, data));
    this.#parts.hub.publish(own, data);
    return undefined;
  }

  #answer(text: string): void {
    this.#parts.hub.offer(this.#peer, toFrame(text));
  }
}

function refusalOf(outcome: "sent" | Extract<ErrorCode, "no-such-peer" | "peer-cannot-signal">): ErrorCode | undefined {
  return outcome === "sent" ? undefined : outcome;
}
