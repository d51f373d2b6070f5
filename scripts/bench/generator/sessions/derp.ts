import { createPublicKey, diffieHellman, randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import { packagePath } from "../../needs.ts";
import { DERP_HEADER_BYTES, DerpFrame } from "../derp-scanner.ts";
import { STAMP_BYTES } from "../stamp.ts";
import { type KeyPair, keyPairOf, partnerIndexOf } from "./key-pair.ts";
import type { Member, Publication, Session } from "./session.ts";

/** What the greeting begins with, before the server's key. */
const MAGIC = Buffer.from("DERP🔑");
const KEY_BYTES = 32;
const NONCE_BYTES = 24;
const CLIENT_INFO = Buffer.from('{"version":2}');

/** As much of @noble/ciphers as this uses: it is no dependency, so its types are not here. */
type Salsa = {
  readonly hsalsa: (sigma: Uint32Array, key: Uint32Array, input: Uint32Array, output: Uint32Array) => void;
  readonly xsalsa20poly1305: (
    key: Uint8Array,
    nonce: Uint8Array,
  ) => { readonly encrypt: (plaintext: Uint8Array) => Uint8Array };
};

/** DERP version 2, Tailscale's relay protocol: clients are known by Curve25519 keys and send packets to each other's. */
export class DerpSession implements Session {
  readonly framing = "derp";
  readonly path = "/derp";
  readonly upgrade = "DERP";
  readonly form = "raw";
  readonly prefixBytes: number = KEY_BYTES;
  readonly suffixBytes = 0;
  isJoined = false;
  readonly #keys: KeyPair;
  readonly #member: Member;

  constructor(member: Member) {
    this.#keys = keyPairOf("x25519", member.index);
    this.#member = member;
  }

  hello(): undefined {
    // The server speaks first.
  }

  hear(kind: number | "message", bytes: Buffer): Uint8Array | undefined {
    if (kind === DerpFrame.serverKey) return this.#clientInfo(bytes);
    if (kind === DerpFrame.serverInfo) this.isJoined = true;
    return kind === DerpFrame.ping ? frame(DerpFrame.pong, bytes) : undefined;
  }

  publication(payload: Buffer): Publication {
    const partnerKey = keyPairOf("x25519", partnerIndexOf(this.#member)).publicBytes;
    const bytes = frame(DerpFrame.sendPacket, Buffer.concat([partnerKey, payload]));
    return { bytes, stampAt: DERP_HEADER_BYTES + KEY_BYTES, stampMask: new Uint8Array(STAMP_BYTES) };
  }

  isEnvelope(before: Buffer, _after: Buffer, sender: { readonly session: Session }): boolean {
    return sender.session instanceof DerpSession && before.equals(sender.session.#keys.publicBytes);
  }

  /** Who this client is, in a NaCl box that shows that it has the private key. */
  #clientInfo(greeting: Buffer): Uint8Array {
    if (!greeting.subarray(0, MAGIC.length).equals(MAGIC)) throw new Error("derper: not its greeting");
    const serverKey = greeting.subarray(MAGIC.length, MAGIC.length + KEY_BYTES);
    const { publicBytes } = this.#keys;
    return frame(DerpFrame.clientInfo, Buffer.concat([publicBytes, sealTo(serverKey, this.#keys, CLIENT_INFO)]));
  }
}

function frame(type: number, body: Uint8Array): Buffer {
  const header = Buffer.alloc(DERP_HEADER_BYTES);
  header[0] = type;
  header.writeUInt32BE(body.length, 1);
  return Buffer.concat([header, body]);
}

/** NaCl's crypto_box: X25519, HSalsa20 of what it gives, XSalsa20-Poly1305. @returns nonce and box. */
function sealTo(publicBytes: Uint8Array, { privateKey }: KeyPair, plaintext: Uint8Array): Uint8Array {
  const { hsalsa, xsalsa20poly1305 } = loadSalsa();
  const jwk = { kty: "OKP", crv: "X25519", x: Buffer.from(publicBytes).toString("base64url") };
  const shared = diffieHellman({ privateKey, publicKey: createPublicKey({ key: jwk, format: "jwk" }) });
  const key = new Uint32Array(KEY_BYTES / 4);
  hsalsa(wordsOf(Buffer.from("expand 32-byte k")), wordsOf(shared), new Uint32Array(4), key);
  const nonce = randomBytes(NONCE_BYTES);
  return Buffer.concat([nonce, xsalsa20poly1305(new Uint8Array(key.buffer), nonce).encrypt(plaintext)]);
}

function loadSalsa(): Salsa {
  const path = packagePath("@noble/ciphers/salsa.js");
  if (path === undefined) throw new Error("derper wants @noble/ciphers");
  return createRequire(import.meta.url)(path) as Salsa;
}

function wordsOf(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(new Uint8Array(bytes).buffer);
}
