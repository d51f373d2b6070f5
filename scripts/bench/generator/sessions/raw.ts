import { createHash } from "node:crypto";
import { maskedFrame, Opcode } from "../frame-scanner.ts";
import { type Member, maskedPublication, maskKey, type Publication, type Session } from "./session.ts";

/** The relay's pipes: a message is its payload, and nobody joins but by coming. */
export class RawSession implements Session {
  readonly framing = "frames";
  readonly path: string;
  readonly form = "raw";
  readonly prefixBytes = 0;
  readonly suffixBytes = 0;
  isJoined = false;
  readonly #key: Uint8Array;

  constructor(member: Member) {
    this.path = `/topic/${createHash("sha256").update(member.topic).digest("hex")}`;
    this.#key = maskKey(member);
  }

  /** A ping: its pong says that the relay has taken the connection up. */
  hello(): Uint8Array {
    return maskedFrame(Opcode.ping, Buffer.alloc(0), this.#key).bytes;
  }

  hear(kind: number | "message"): undefined {
    if (kind === Opcode.pong) this.isJoined = true;
  }

  publication(payload: Buffer): Publication {
    return maskedPublication(maskedFrame(Opcode.binary, payload, this.#key), 0);
  }

  isEnvelope(before: Buffer, after: Buffer): boolean {
    return before.length === 0 && after.length === 0;
  }
}
