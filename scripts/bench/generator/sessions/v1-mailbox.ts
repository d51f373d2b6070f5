import { sign } from "node:crypto";
import { SUBPROTOCOL_V1 } from "../../../../protocol/subprotocol.ts";
import { encodeV1ClientMessage } from "../../../../protocol/v1-client-messages.ts";
import {
  decodeV1MailboxRelayMessage,
  encodeV1MailboxMessage,
  mailboxProofText,
} from "../../../../protocol/v1-mailbox-messages.ts";
import { maskedFrame, Opcode } from "../frame-scanner.ts";
import { keyPairOf } from "./key-pair.ts";
import { type Member, maskedPublication, maskKey, type Publication, type StoringSession } from "./session.ts";

/** Mailboxes of `postern.v1`: a member deposits into its own, and can open it. It is in no topic. */
export class V1MailboxSession implements StoringSession {
  readonly framing = "frames";
  readonly path = "/";
  readonly subprotocol: string = SUBPROTOCOL_V1;
  readonly form = "base64";
  readonly prefixBytes = 0;
  readonly suffixBytes = 0;
  isJoined = false;
  onStored: () => void = () => undefined;
  /** Called for each message of the mailbox. */
  onMessage: () => void = () => undefined;
  readonly #privateKey: ReturnType<typeof keyPairOf>["privateKey"];
  readonly #mailbox: string;
  readonly #key: Uint8Array;

  constructor(member: Member) {
    const { privateKey, publicBytes } = keyPairOf("ed25519", member.index);
    this.#privateKey = privateKey;
    this.#mailbox = publicBytes.toString("base64url");
    this.#key = maskKey(member);
  }

  hello(): Uint8Array {
    return this.#frame(encodeV1ClientMessage({ type: "ping", ref: 0 }));
  }

  /** Asks for all that waits. */
  open(): Uint8Array {
    return this.#frame(encodeV1MailboxMessage({ type: "open-mailbox", mailbox: this.#mailbox }));
  }

  hear(kind: number | "message", bytes: Buffer): Uint8Array | undefined {
    if (kind !== "message") return undefined;
    const text = bytes.toString();
    const message = decodeV1MailboxRelayMessage(text);
    switch (message.type) {
      case "deposited":
        this.onStored();
        return undefined;
      case "mailbox-message":
        this.onMessage();
        return undefined;
      case "challenge":
        return this.#prove(message);
      default:
        if (text.includes('"error"')) throw new Error(text);
        this.isJoined = true;
        return undefined;
    }
  }

  /** A deposit: the same one each time, and another message for the relay, which gives it its id. */
  publication(payload: Buffer): Publication {
    const deposit = { type: "deposit", mailbox: this.#mailbox, data: payload.toString("latin1") } as const;
    const frame = maskedFrame(Opcode.text, Buffer.from(encodeV1MailboxMessage(deposit)), this.#key);
    // Nobody looks for a stamp.
    return maskedPublication(frame, 0);
  }

  isEnvelope(): boolean {
    return true;
  }

  #prove({ host, nonce }: { readonly host: string; readonly nonce: string }): Uint8Array {
    const text = mailboxProofText(this.#mailbox, { host, nonce });
    const signature = sign(null, Buffer.from(text), this.#privateKey).toString("base64url");
    return this.#frame(encodeV1MailboxMessage({ type: "prove", mailbox: this.#mailbox, signature }));
  }

  #frame(text: string): Uint8Array {
    return maskedFrame(Opcode.text, Buffer.from(text), this.#key).bytes;
  }
}
