import { maskedFrame, Opcode } from "../frame-scanner.ts";
import { type Member, maskedPublication, maskKey, type Publication, type Session } from "./session.ts";

const BEFORE_DATA = '42["data","';
const AFTER_DATA = '"]';
/** Engine.IO's first digit and Socket.IO's second; the join asks for an acknowledgement with number 1. */
const OPEN_NAMESPACE = "40";
const JOINED = "431";

/** Socket.IO over its WebSocket transport, without the polling before it. */
export class SocketIoSession implements Session {
  readonly framing = "frames";
  readonly path = "/socket.io/?EIO=4&transport=websocket";
  readonly form = "base64";
  readonly prefixBytes: number = BEFORE_DATA.length;
  readonly suffixBytes: number = AFTER_DATA.length;
  isJoined = false;
  readonly #member: Member;
  readonly #key: Uint8Array;

  constructor(member: Member) {
    this.#member = member;
    this.#key = maskKey(member);
  }

  hello(): Uint8Array {
    return this.#frame(OPEN_NAMESPACE);
  }

  hear(kind: number | "message", bytes: Buffer): Uint8Array | undefined {
    if (kind !== "message") return undefined;
    const text = bytes.toString();
    if (text === "2") return this.#frame("3");
    if (text.startsWith(OPEN_NAMESPACE)) return this.#frame(`421${JSON.stringify(["join", this.#member.topic])}`);
    if (text.startsWith(JOINED)) this.isJoined = true;
    return undefined;
  }

  publication(payload: Buffer): Publication {
    const text = Buffer.concat([Buffer.from(BEFORE_DATA), payload, Buffer.from(AFTER_DATA)]);
    return maskedPublication(maskedFrame(Opcode.text, text, this.#key), BEFORE_DATA.length);
  }

  isEnvelope(before: Buffer, after: Buffer): boolean {
    return before.toString() === BEFORE_DATA && after.toString() === AFTER_DATA;
  }

  #frame(text: string): Uint8Array {
    return maskedFrame(Opcode.text, Buffer.from(text), this.#key).bytes;
  }
}
