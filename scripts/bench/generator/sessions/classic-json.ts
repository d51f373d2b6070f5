import { CLASSIC_CLIENT_DATA_START, encodeClassicClientMessage } from "../../../../protocol/classic-client-messages.ts";
import { classicDataStart } from "../../../../protocol/classic-relay-messages.ts";
import { maskedFrame, Opcode } from "../frame-scanner.ts";
import { type Member, maskedPublication, maskKey, type Publication, type Session } from "./session.ts";

/** `type` first, as the relay's own client writes it, or `topic` first, which classic clients may send and nobody reads. */
type FieldOrder = "type-first" | "topic-first";

const AFTER_DATA = '"}';

/** The classic messages: what the relay and the plain ws server both speak. */
export class ClassicJsonSession implements Session {
  readonly framing = "frames";
  readonly path = "/";
  readonly form = "base64";
  readonly prefixBytes: number;
  readonly suffixBytes: number = AFTER_DATA.length;
  isJoined = false;
  readonly #member: Member;
  readonly #key: Uint8Array;
  readonly #beforeData: Buffer;

  constructor(member: Member, order: FieldOrder = "type-first") {
    this.#member = member;
    const topicFirst = `{"topic":"${member.topic}","type":"data","data":"`;
    this.#beforeData = Buffer.from(order === "topic-first" ? topicFirst : CLASSIC_CLIENT_DATA_START);
    this.#key = maskKey(member);
    this.prefixBytes = classicDataStart(member).length;
  }

  /** A join is not answered; a pong tells that it was taken. */
  hello(): Uint8Array {
    const { topic, peerId } = this.#member;
    const join = encodeClassicClientMessage({ type: "join", topic, peerId });
    return Buffer.concat([
      maskedFrame(Opcode.text, Buffer.from(join), this.#key).bytes,
      maskedFrame(Opcode.ping, Buffer.alloc(0), this.#key).bytes,
    ]);
  }

  hear(kind: number | "message"): undefined {
    if (kind === Opcode.pong) this.isJoined = true;
  }

  publication(payload: Buffer): Publication {
    const text = Buffer.concat([this.#beforeData, payload, Buffer.from(AFTER_DATA)]);
    return maskedPublication(maskedFrame(Opcode.text, text, this.#key), this.#beforeData.length);
  }

  isEnvelope(before: Buffer, after: Buffer, { member }: { readonly member: Member }): boolean {
    return before.toString() === classicDataStart(member) && after.toString() === AFTER_DATA;
  }
}
