import { maskedFrame, Opcode } from "../frame-scanner.ts";
import { type Member, maskedPublication, maskKey, type Publication, type Session } from "./session.ts";

const BEFORE_DATA = '{"type":"broadcast","payload":{"data":"';
const AFTER_DATA = '"}}';

/** A node of Atmosphere's mesh: it joins a mesh that nobody has registered, and its messages are broadcasts. */
export class MeshSession implements Session {
  readonly framing = "frames";
  readonly path: string;
  readonly form = "base64";
  readonly prefixBytes: number;
  readonly suffixBytes: number;
  isJoined = false;
  readonly #member: Member;
  readonly #key: Uint8Array;

  constructor(member: Member) {
    this.#member = member;
    this.#key = maskKey(member);
    this.path = `/relay/${member.topic}`;
    this.prefixBytes = beforeDelivered(member).length;
    this.suffixBytes = afterDelivered(member).length;
  }

  hello(): Uint8Array {
    const { topic, peerId } = this.#member;
    const join = { type: "join", mesh_id: topic, node_id: peerId, name: peerId, capabilities: [] };
    return maskedFrame(Opcode.text, Buffer.from(JSON.stringify(join)), this.#key).bytes;
  }

  hear(kind: number | "message", bytes: Buffer): undefined {
    if (kind !== "message" || this.isJoined) return;
    const text = bytes.toString();
    if (text.startsWith('{"type":"joined"')) this.isJoined = true;
    else if (text.startsWith('{"type":"error"')) throw new Error(`not joined: ${text}`);
  }

  publication(payload: Buffer): Publication {
    const text = Buffer.concat([Buffer.from(BEFORE_DATA), payload, Buffer.from(AFTER_DATA)]);
    return maskedPublication(maskedFrame(Opcode.text, text, this.#key), BEFORE_DATA.length);
  }

  isEnvelope(before: Buffer, after: Buffer, { member }: { readonly member: Member }): boolean {
    return before.toString() === beforeDelivered(member) && after.toString() === afterDelivered(member);
  }
}

/** The relay says who sent it, around the payload and in it. */
function beforeDelivered({ peerId }: Member): string {
  return `{"type":"message","from":"${peerId}","payload":{"data":"`;
}

function afterDelivered({ peerId }: Member): string {
  return `","from":"${peerId}"}}`;
}
