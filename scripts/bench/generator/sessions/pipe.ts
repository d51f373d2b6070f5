import { STAMP_BYTES } from "../stamp.ts";
import { type Publication, type Session } from "./session.ts";

/** Bytes through a pipe, with no protocol at all: what TLS in Node costs by itself. */
export class PipeSession implements Session {
  readonly framing = "pipe";
  readonly form = "raw";
  readonly prefixBytes = 0;
  readonly suffixBytes = 0;
  readonly isJoined = true;

  hello(): undefined {
    // Nothing to say: the server pairs connections as they come.
  }

  hear(): undefined {
    // Everything is a delivery.
  }

  publication(payload: Buffer): Publication {
    return { bytes: payload, stampAt: 0, stampMask: new Uint8Array(STAMP_BYTES) };
  }

  isEnvelope(): boolean {
    return true;
  }
}
