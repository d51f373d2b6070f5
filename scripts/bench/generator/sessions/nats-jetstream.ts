import { maskedFrame, Opcode } from "../frame-scanner.ts";
import { type Member, maskedPublication, maskKey, type Publication, type StoringSession } from "./session.ts";

const CONNECT = { verbose: false, pedantic: false, protocol: 1, lang: "bench", version: "1" };
/** A file for all subjects, as the relay has one for all mailboxes; the first member makes it, and for the others it is there. */
const STREAM = { name: "MAILBOXES", subjects: ["mailboxes.>"], storage: "file" };

/** NATS JetStream over its WebSocket: a publication is stored in a stream, and acknowledged to the inbox of its sender. */
export class NatsJetStreamSession implements StoringSession {
  readonly framing = "nats-in-frames";
  readonly path = "/";
  readonly form = "raw";
  readonly prefixBytes = 0;
  readonly suffixBytes = 0;
  isJoined = false;
  onStored: () => void = () => undefined;
  readonly #member: Member;
  readonly #key: Uint8Array;
  readonly #inbox: string;

  constructor(member: Member) {
    this.#member = member;
    this.#key = maskKey(member);
    this.#inbox = `inbox.${member.peerId}`;
  }

  hello(): Uint8Array {
    const stream = JSON.stringify(STREAM);
    return this.#frame(
      `CONNECT ${JSON.stringify(CONNECT)}\r\nSUB ${this.#inbox} 1\r\n` +
        `PUB $JS.API.STREAM.CREATE.${STREAM.name} ${this.#inbox} ${stream.length}\r\n${stream}\r\n`,
    );
  }

  hear(kind: number | "message", bytes: Buffer): Uint8Array | undefined {
    const text = bytes.toString();
    if (text.startsWith("PING")) return this.#frame("PONG\r\n");
    const isProblem = text.startsWith("-ERR") || (kind === "message" && text.includes('"error"'));
    if (isProblem) throw new Error(`nats-server: ${text}`);
    if (kind !== "message") return undefined;
    if (this.isJoined) this.onStored();
    this.isJoined = true;
    return undefined;
  }

  publication(payload: Buffer): Publication {
    const head = `PUB mailboxes.${this.#member.peerId} ${this.#inbox} ${payload.length}\r\n`;
    const bytes = Buffer.concat([Buffer.from(head), payload, Buffer.from("\r\n")]);
    return maskedPublication(maskedFrame(Opcode.binary, bytes, this.#key), head.length);
  }

  isEnvelope(): boolean {
    return true;
  }

  #frame(text: string): Uint8Array {
    return maskedFrame(Opcode.binary, Buffer.from(text), this.#key).bytes;
  }
}
