import { sign } from "node:crypto";
import { createRequire } from "node:module";
import { packagePath } from "../../needs.ts";
import { maskedFrame, Opcode } from "../frame-scanner.ts";
import { type KeyPair, keyPairOf, partnerIndexOf } from "./key-pair.ts";
import { type Member, maskedPublication, maskKey, type Publication, type Session } from "./session.ts";

/** The first byte of each message. */
const Type = { challenge: 0, clientAuth: 1, confirmed: 2, denied: 3, send: 4, receive: 6, ping: 9, pong: 10 } as const;

const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
const CHALLENGE_CONTEXT = "iroh-relay handshake v1 challenge signature";
/** Type, key and ECN: what stands before the payload. */
const HEAD_BYTES = 1 + KEY_BYTES + 1;
/** What iroh-relay takes and gives in one packet, with its head. */
const MAX_PACKET_BYTES = 65_536;

/** As much of @noble/hashes as this uses: it is no dependency, so its types are not here. */
type Blake3 = { blake3(bytes: Uint8Array, options: { readonly context: Uint8Array }): Uint8Array };

/** `iroh-relay-v2` over its WebSocket: clients are known by Ed25519 keys and send datagrams to each other's. */
export class IrohSession implements Session {
  readonly framing = "frames";
  readonly path = "/relay";
  readonly subprotocol = "iroh-relay-v2";
  readonly form = "raw";
  readonly maxPayloadBytes: number = MAX_PACKET_BYTES - HEAD_BYTES;
  readonly prefixBytes: number = HEAD_BYTES;
  readonly suffixBytes = 0;
  isJoined = false;
  readonly #keys: KeyPair;
  readonly #member: Member;
  readonly #mask: Uint8Array;

  constructor(member: Member) {
    this.#keys = keyPairOf("ed25519", member.index);
    this.#member = member;
    this.#mask = maskKey(member);
  }

  hello(): undefined {
    // The server speaks first.
  }

  hear(kind: number | "message", bytes: Buffer): Uint8Array | undefined {
    if (kind !== "message") return undefined;
    switch (bytes[0]) {
      case Type.challenge:
        return this.#frame(this.#clientAuth(bytes.subarray(1)));
      case Type.confirmed:
        this.isJoined = true;
        return undefined;
      case Type.denied:
        throw new Error(`iroh-relay refused: ${bytes.toString("latin1")}`);
      case Type.ping:
        return this.#frame(Buffer.concat([Buffer.from([Type.pong]), bytes.subarray(1)]));
      default:
        return undefined;
    }
  }

  publication(payload: Buffer): Publication {
    const partnerKey = keyPairOf("ed25519", partnerIndexOf(this.#member)).publicBytes;
    const head = Buffer.concat([Buffer.from([Type.send]), partnerKey, Buffer.from([0])]);
    return maskedPublication(maskedFrame(Opcode.binary, Buffer.concat([head, payload]), this.#mask), head.length);
  }

  isEnvelope(before: Buffer, _after: Buffer, sender: { readonly session: Session }): boolean {
    if (!(sender.session instanceof IrohSession)) return false;
    return before.equals(
      Buffer.concat([Buffer.from([Type.receive]), sender.session.#keys.publicBytes, Buffer.from([0])]),
    );
  }

  /** Signs a key that is derived from the challenge, as the server does when it verifies. */
  #clientAuth(challenge: Uint8Array): Buffer {
    const message = loadBlake3().blake3(challenge, { context: Buffer.from(CHALLENGE_CONTEXT) });
    const signature = sign(null, message, this.#keys.privateKey);
    return Buffer.concat([
      Buffer.from([Type.clientAuth]),
      this.#keys.publicBytes,
      Buffer.from([SIGNATURE_BYTES]),
      signature,
    ]);
  }

  #frame(payload: Uint8Array): Uint8Array {
    return maskedFrame(Opcode.binary, payload, this.#mask).bytes;
  }
}

function loadBlake3(): Blake3 {
  const path = packagePath("@noble/hashes/blake3.js");
  if (path === undefined) throw new Error("iroh-relay wants @noble/hashes");
  return createRequire(import.meta.url)(path) as Blake3;
}
