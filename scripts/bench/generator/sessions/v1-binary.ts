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
  readonly #member: Member;
  readonly #key: Uint8Array;
  #topicHandle = 0;
  #peerHandle = 0;

  constructor(member: Member) {
    this.#member = member;
    this.#key = maskKey(member);
  }

  hello(): Uint8Array {
    const { topic, peerId } = this.#member;
    const join = encodeV1ClientMessage({ type: "join", topic, peerId, encoding: "binary" });
    return maskedFrame(Opcode.text, Buffer.from(join), this.#key).bytes;
  }

  hear(kind: number | "message", bytes: Buffer): undefined {
    if (kind !== "message" || this.isJoined) return;
    const message = decodeV1RelayMessage(bytes.toString());
    if (message.type !== "joined") throw new Error(`not joined: ${bytes.toString()}`);
    this.#topicHandle = message.topicHandle;
    this.#peerHandle = message.peerHandle;
    this.isJoined = true;
  }

  publication(payload: Buffer): Publication {
    const header = encodeDataHeader(this.#topicHandle, 0, { isAddressed: false });
    const frame = maskedFrame(Opcode.binary, Buffer.concat([header, payload]), this.#key);
    return maskedPublication(frame, DATA_HEADER_BYTES);
  }

  isEnvelope(before: Buffer, _after: Buffer, sender: { readonly session: Session }): boolean {
    if (!(sender.session instanceof V1BinarySession)) return false;
    const { topicHandle, peerHandle } = sender.session.#handles();
    return before.equals(encodeDataHeader(topicHandle, peerHandle, { isAddressed: false }));
  }

  #handles(): { readonly topicHandle: number; readonly peerHandle: number } {
    return { topicHandle: this.#topicHandle, peerHandle: this.#peerHandle };
  }
}
