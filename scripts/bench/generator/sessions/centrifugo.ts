import { maskedFrame, Opcode } from "../frame-scanner.ts";
import { type Member, maskedPublication, maskKey, type Publication, type Session } from "./session.ts";

/** A UUID, by which the server names who published. */
const CLIENT_ID_BYTES = 36;
const AFTER_CLIENT = '"}}}}';

/**
 * Centrifugo's bidirectional protocol in JSON. Each publication is answered. The halves of a pair have a channel for each
 * direction; where all talk to all, members get their own messages back, because it cannot leave them out.
 */
export class CentrifugoSession implements Session {
  readonly framing = "lines-in-frames";
  readonly path = "/connection/websocket";
  readonly form = "base64";
  readonly prefixBytes: number;
  readonly suffixBytes: number = afterData("").length + CLIENT_ID_BYTES;
  isJoined = false;
  readonly #member: Member;
  readonly #key: Uint8Array;
  #clientId = "";

  constructor(member: Member) {
    this.#member = member;
    this.#key = maskKey(member);
    this.prefixBytes = this.#beforeData().length;
  }

  hello(): Uint8Array {
    return this.#frame({ id: 1, connect: {} });
  }

  hear(kind: number | "message", bytes: Buffer): Uint8Array | undefined {
    if (kind !== "message" || (this.isJoined && bytes.length > 2)) return undefined;
    const reply = JSON.parse(bytes.toString()) as {
      readonly id?: number;
      readonly error?: unknown;
      readonly connect?: { readonly client: string };
    };
    if (reply.error !== undefined) throw new Error(`Centrifugo refused: ${bytes.toString()}`);
    // An empty object is its ping.
    if (Object.keys(reply).length === 0) return this.#frame({});
    if (reply.connect !== undefined) {
      this.#clientId = reply.connect.client;
      if (this.#member.isReceiver) return this.#frame({ id: 2, subscribe: { channel: this.#subscribedTo() } });
    }
    this.isJoined = true;
    return undefined;
  }

  publication(payload: Buffer): Publication {
    const before = Buffer.from(`{"id":3,"publish":{"channel":"${this.#publishedTo()}","data":"`);
    const text = Buffer.concat([before, payload, Buffer.from('"}}')]);
    return maskedPublication(maskedFrame(Opcode.text, text, this.#key), before.length);
  }

  isEnvelope(before: Buffer, after: Buffer, { session }: { readonly session: Session }): boolean {
    if (!(session instanceof CentrifugoSession)) return false;
    return before.toString() === this.#beforeData() && after.toString() === afterData(session.#clientId);
  }

  #publishedTo(): string {
    return this.#member.pairSide === "b" ? `${this.#member.topic}b` : this.#member.topic;
  }

  /** In a workload of pairs its two names are of different lengths, and each half knows its own. */
  #subscribedTo(): string {
    return this.#member.pairSide === "a" ? `${this.#member.topic}b` : this.#member.topic;
  }

  #beforeData(): string {
    return `{"push":{"channel":"${this.#subscribedTo()}","pub":{"data":"`;
  }

  #frame(message: object): Uint8Array {
    return maskedFrame(Opcode.text, Buffer.from(JSON.stringify(message)), this.#key).bytes;
  }
}

function afterData(clientId: string): string {
  return `","info":{"user":"","client":"${clientId}${AFTER_CLIENT}`;
}
