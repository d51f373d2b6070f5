import { maskedFrame, Opcode } from "../frame-scanner.ts";
import { type Member, maskedPublication, maskKey, type Publication, type Session } from "./session.ts";

const CONNECT = { verbose: false, pedantic: false, echo: false, protocol: 1, lang: "bench", version: "1" };

/** The NATS client protocol over its WebSocket. */
export class NatsSession implements Session {
  readonly framing = "nats-in-frames";
  readonly path = "/";
  readonly form = "raw";
  readonly prefixBytes = 0;
  readonly suffixBytes = 0;
  isJoined = false;
  readonly #member: Member;
  readonly #key: Uint8Array;

  constructor(member: Member) {
    this.#member = member;
    this.#key = maskKey(member);
  }

  hello(): Uint8Array {
    const { isReceiver, topic } = this.#member;
    const subscribe = isReceiver ? `SUB ${topic} 1\r\n` : "";
    return this.#frame(`CONNECT ${JSON.stringify(CONNECT)}\r\n${subscribe}PING\r\n`);
  }

  hear(_kind: number | "message", bytes: Buffer): Uint8Array | undefined {
    const line = bytes.toString();
    if (line.startsWith("-ERR")) throw new Error(`nats-server: ${line}`);
    if (line.startsWith("PONG")) this.isJoined = true;
    return line.startsWith("PING") ? this.#frame("PONG\r\n") : undefined;
  }

  publication(payload: Buffer): Publication {
    const before = Buffer.from(`PUB ${this.#member.topic} ${payload.length}\r\n`);
    const bytes = Buffer.concat([before, payload, Buffer.from("\r\n")]);
    return maskedPublication(maskedFrame(Opcode.binary, bytes, this.#key), before.length);
  }

  /** NATS does not name the sender; order and content are verified by the stamp. */
  isEnvelope(): boolean {
    return true;
  }

  #frame(text: string): Uint8Array {
    return maskedFrame(Opcode.binary, Buffer.from(text), this.#key).bytes;
  }
}
