import { SUBPROTOCOL_V1 } from "../../../../protocol/subprotocol.ts";
import { DATA_HEADER_BYTES, encodeDataHeader } from "../../../../protocol/v1-binary.ts";
import { encodeV1ClientMessage } from "../../../../protocol/v1-client-messages.ts";
import { decodeV1RelayMessage } from "../../../../protocol/v1-relay-messages.ts";
import { maskedFrame, Opcode } from "../frame-scanner.ts";
import { type Member, maskedPublication, maskKey, type Publication, type Session } from "./session.ts";

/** `postern.v1` with data in binary frames. */
export class V1BinarySession implements Session {
  readonly framing = "frames";
  readonly path = "/";
  readonly subprotocol: string = SUBPROTOCOL_V1;
  readonly form = "raw";
  readonly prefixBytes: number = DATA_HEADER_BYTES;
  readonly suffixBytes = 0;
  isJoined = false;
  readonly #peerId: string;
  readonly #topics: readonly string[];
  readonly #key: Uint8Array;
  /** Of its topics, in their order, as far as they are joined. */
  readonly #handles: { readonly topicHandle: number; readonly peerHandle: number }[] = [];

  constructor(member: Member) {
    this.#peerId = member.peerId;
    this.#topics = [member.topic, ...(member.alsoIn ?? [])];
    this.#key = maskKey(member);
  }

  hello(): Uint8Array {
    return this.#join();
  }

  hear(kind: number | "message", bytes: Buffer): Uint8Array | undefined {
    if (kind !== "message" || this.isJoined) return undefined;
    const message = decodeV1RelayMessage(bytes.toString());
    // Others that come are announced meanwhile in the topics that were joined first.
    if (message.type === "peer-joined") return undefined;
    if (message.type !== "joined") throw new Error(`not joined: ${bytes.toString()}`);
    this.#handles.push({ topicHandle: message.topicHandle, peerHandle: message.peerHandle });
    if (this.#handles.length < this.#topics.length) return this.#join();
    this.isJoined = true;
    return undefined;
  }

  publication(payload: Buffer, topicPlace: number): Publication {
    const header = encodeDataHeader(this.#handles[topicPlace]?.topicHandle ?? 0, 0, { isAddressed: false });
    const frame = maskedFrame(Opcode.binary, Buffer.concat([header, payload]), this.#key);
    return maskedPublication(frame, DATA_HEADER_BYTES);
  }

  isEnvelope(before: Buffer, _after: Buffer, sender: { readonly session: Session }): boolean {
    if (!(sender.session instanceof V1BinarySession)) return false;
    const { topicHandle = 0, peerHandle = 0 } = sender.session.#handles[0] ?? {};
    return before.equals(encodeDataHeader(topicHandle, peerHandle, { isAddressed: false }));
  }

  #join(): Uint8Array {
    const topic = this.#topics[this.#handles.length] ?? "";
    const join = encodeV1ClientMessage({ type: "join", topic, peerId: this.#peerId, encoding: "binary" });
    return maskedFrame(Opcode.text, Buffer.from(join), this.#key).bytes;
  }
}
