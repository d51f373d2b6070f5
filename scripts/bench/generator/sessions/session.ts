import type { MaskedFrame } from "../frame-scanner.ts";
import { STAMP_BYTES } from "../stamp.ts";

/** One member of a workload. */
export type Member = {
  /** From 0, over all topics. */
  readonly index: number;
  /** The index in five digits after a letter: of the same length for all. */
  readonly peerId: string;
  readonly topic: string;
  /** Further topics that the connection joins. */
  readonly alsoIn?: readonly string[];
  readonly isReceiver: boolean;
  readonly isSender: boolean;
  /** A workload of pairs: where contestants echo, each half of the pair has a topic of its own. */
  readonly pairSide: "a" | "b" | undefined;
};

/** What a member writes for each message; only the stamp in it changes. */
export type Publication = {
  readonly bytes: Buffer;
  readonly stampAt: number;
  readonly stampMask: Uint8Array;
};

/** How messages are cut on the wire: WebSocket frames, a protocol's own stream in them or bare, or nothing at all. */
type Framing = "frames" | "lines-in-frames" | "nats-in-frames" | "mqtt" | "derp" | "pipe";

/** One member's side of a contestant's protocol: how to join, to publish, and to know a delivery. */
export interface Session {
  readonly framing: Framing;
  /** The request target of the upgrade; undefined where there is none. */
  readonly path?: string;
  readonly subprotocol?: string;
  /** What the connection becomes, where that is no WebSocket. */
  readonly upgrade?: string;
  /** The largest payload that the protocol takes, where a workload may want a larger one. */
  readonly maxPayloadBytes?: number;
  /** How the protocol carries payloads. */
  readonly form: "base64" | "raw";
  /** What a delivery has before and after its payload. */
  readonly prefixBytes: number;
  readonly suffixBytes: number;
  /** Whether the relay has confirmed the join. */
  readonly isJoined: boolean;
  /** What to send as soon as the connection stands. */
  hello(): Uint8Array | undefined;
  /** Takes whatever is no delivery. @returns what to answer. */
  hear(kind: number | "message", bytes: Buffer): Uint8Array | undefined;
  /** @param topicPlace which of the member's topics it goes to: 0, or behind it those that it also is in. */
  publication(payload: Buffer, topicPlace: number): Publication;
  /** For the correctness pass: whether what is around the payload is as it must be for a message from this sender. */
  isEnvelope(before: Buffer, after: Buffer, sender: { readonly member: Member; readonly session: Session }): boolean;
}

/** Of a protocol that stores messages: what `publication` gives is a deposit, the same bytes each time. */
export interface StoringSession extends Session {
  /** Called for each deposit that the server has acknowledged, in the order in which they were sent. */
  onStored: () => void;
}

/** Whether what comes is in WebSocket frames, with their pings and closes. */
export function isWebSocket({ framing }: Session): boolean {
  return framing === "frames" || framing === "lines-in-frames" || framing === "nats-in-frames";
}

/** How much of a workload's payload the protocol takes. */
export function payloadBytesOf(wantedBytes: number, { maxPayloadBytes = wantedBytes }: Session): number {
  return Math.min(wantedBytes, maxPayloadBytes);
}

/** A publication whose payload begins at this place of a masked frame's payload. */
export function maskedPublication({ bytes, payloadAt, key }: MaskedFrame, offset: number): Publication {
  const stampMask = new Uint8Array(STAMP_BYTES).map((_, index) => key[(offset + index) & 3] ?? 0);
  return { bytes, stampAt: payloadAt + offset, stampMask };
}

/** A mask per connection (RFC 6455 section 5.3); not new for each frame, so that frames can be made in advance. */
export function maskKey({ index }: Member): Uint8Array {
  const key = Buffer.alloc(4);
  key.writeUInt32BE((Math.imul(index + 1, 0x9e37_79b9) | 0x0101_0101) >>> 0);
  return key;
}
