import { maskedFrame, Opcode } from "../frame-scanner.ts";
import { type Member, maskedPublication, maskKey, type Publication, type Session } from "./session.ts";

/** A channel that nobody uses: nchan wants one to publish to and one to subscribe to. */
const NO_CHANNEL = "none";

/**
 * nchan: a channel is a path, and who connects has joined. The halves of a pair have a channel for each direction; where
 * all talk to all, members get their own messages back, because nchan cannot leave them out.
 */
export class NchanSession implements Session {
  readonly framing = "frames";
  readonly path: string;
  /** nchan forwards frames as they are; base64 text is what an application of JSON would send. */
  readonly form = "base64";
  readonly prefixBytes = 0;
  readonly suffixBytes = 0;
  readonly isJoined = true;
  readonly #key: Uint8Array;

  constructor(member: Member) {
    this.#key = maskKey(member);
    const { topic, pairSide } = member;
    const publishTo = pairSide === "b" ? `${topic}b` : topic;
    const subscribeTo = pairSide === "a" ? `${topic}b` : topic;
    this.path = `/${member.isSender ? publishTo : NO_CHANNEL}/${member.isReceiver ? subscribeTo : NO_CHANNEL}`;
  }

  hello(): undefined {
    // The path has said it all.
  }

  hear(): undefined {
    // Nothing but deliveries comes.
  }

  publication(payload: Buffer): Publication {
    return maskedPublication(maskedFrame(Opcode.text, payload, this.#key), 0);
  }

  isEnvelope(): boolean {
    return true;
  }
}
