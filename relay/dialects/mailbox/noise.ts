import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
} from "node:crypto";

/** Noise, revision 34: the pattern NK, the relay as responder. */
const PROTOCOL_NAME = "Noise_NK_25519_ChaChaPoly_BLAKE2s";
const HASH = "blake2s256";
const CIPHER = "chacha20-poly1305";
const KEY_BYTES = 32;
const TAG_BYTES = 16;
/** RFC 8410: what stands before the bytes of an X25519 key in PKCS #8 and in SPKI. */
const PRIVATE_PREFIX = Buffer.from("302e020100300506032b656e04220420", "hex");
const PUBLIC_PREFIX = Buffer.from("302a300506032b656e032100", "hex");
/** What both frames of the handshake begin with. */
const MAGIC = Buffer.from("005632", "hex");
const HANDSHAKE_FRAME_BYTES = MAGIC.length + KEY_BYTES + TAG_BYTES;
/** Section 3: no message is longer, its tag included. */
const MAX_MESSAGE_BYTES = 65_535;
const NOTHING = new Uint8Array(0);

/** Whether a first frame begins a Noise session. */
export function isNoiseStart(frame: Uint8Array): boolean {
  return frame.length >= HANDSHAKE_FRAME_BYTES && MAGIC.every((byte, index) => frame[index] === byte);
}

/** The relay's own key pair, by which clients know it. */
export class NoiseKey {
  readonly #key: KeyObject;
  /** The private key, 32 bytes. */
  readonly privateBytes: Uint8Array;
  /** What clients are told: 32 bytes. */
  readonly publicBytes: Uint8Array;

  private constructor(key: KeyObject) {
    this.#key = key;
    this.privateBytes = key.export({ format: "der", type: "pkcs8" }).subarray(PRIVATE_PREFIX.length);
    this.publicBytes = rawPublic(key);
  }

  static generate(): NoiseKey {
    return new NoiseKey(generateKeyPairSync("x25519").privateKey);
  }

  /** @param bytes 32 of them. @throws RangeError for any other number. */
  static of(bytes: Uint8Array): NoiseKey {
    if (bytes.length !== KEY_BYTES) throw new RangeError(`an X25519 key has ${KEY_BYTES} bytes`);
    return new NoiseKey(privateKeyOf(bytes));
  }

  /** RFC 7748 section 6.1. @throws where the other key is of low order. */
  sharedWith(publicBytes: Uint8Array): Buffer {
    return diffieHellman({ privateKey: this.#key, publicKey: publicKeyOf(publicBytes) });
  }
}

/** One direction of a session: each message has the next number. */
class CipherState {
  readonly #key: Uint8Array;
  #count = 0n;

  constructor(key: Uint8Array) {
    this.#key = key;
  }

  seal(plain: Uint8Array, associated: Uint8Array = NOTHING): Buffer {
    const cipher = createCipheriv(CIPHER, this.#key, nonceOf(this.#count), { authTagLength: TAG_BYTES });
    cipher.setAAD(associated, { plaintextLength: plain.length });
    const sealed = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
    this.#count += 1n;
    return sealed;
  }

  /** @throws where it is not authentic; the number is not used up then. */
  open(sealed: Uint8Array, associated: Uint8Array = NOTHING): Buffer {
    const end = sealed.length - TAG_BYTES;
    if (end < 0) throw new RangeError("shorter than a tag");
    const decipher = createDecipheriv(CIPHER, this.#key, nonceOf(this.#count), { authTagLength: TAG_BYTES });
    decipher.setAAD(associated, { plaintextLength: end });
    decipher.setAuthTag(sealed.subarray(end));
    const plain = Buffer.concat([decipher.update(sealed.subarray(0, end)), decipher.final()]);
    this.#count += 1n;
    return plain;
  }
}

/** A session after its handshake. */
export class NoiseSession {
  readonly #receive: CipherState;
  readonly #send: CipherState;
  /** The relay's half of the handshake: the frame for the client. */
  readonly reply: Uint8Array;

  private constructor(reply: Uint8Array, receive: CipherState, send: CipherState) {
    this.reply = reply;
    this.#receive = receive;
    this.#send = send;
  }

  /**
   * Answers a client's handshake.
   * @param ephemeral a new key for this session.
   * @returns undefined: it is not meant for this relay's key, or damaged.
   */
  static accept(frame: Uint8Array, own: NoiseKey, ephemeral: NoiseKey): NoiseSession | undefined {
    if (!isNoiseStart(frame) || frame.length !== HANDSHAKE_FRAME_BYTES) return undefined;
    const theirs = frame.subarray(MAGIC.length, MAGIC.length + KEY_BYTES);
    try {
      let hash = digest(createHash(HASH).update(PROTOCOL_NAME).digest(), NOTHING);
      hash = digest(digest(hash, own.publicBytes), theirs);
      const [chainOne, keyOne] = derive(createHash(HASH).update(PROTOCOL_NAME).digest(), own.sharedWith(theirs));
      const sealed = frame.subarray(MAGIC.length + KEY_BYTES);
      new CipherState(keyOne).open(sealed, hash);
      hash = digest(digest(hash, sealed), ephemeral.publicBytes);
      const [chainTwo, keyTwo] = derive(chainOne, ephemeral.sharedWith(theirs));
      const tag = new CipherState(keyTwo).seal(NOTHING, hash);
      const [toRelay, toClient] = derive(chainTwo, NOTHING);
      const reply = Buffer.concat([MAGIC, ephemeral.publicBytes, tag]);
      return new NoiseSession(reply, new CipherState(toRelay), new CipherState(toClient));
    } catch {
      // OpenSSL throws for what is not authentic, and for a key of low order.
      return undefined;
    }
  }

  /** Opens a frame of the client. @returns undefined: it is not authentic, and nothing has changed. */
  open(frame: Uint8Array): Uint8Array | undefined {
    try {
      return this.#receive.open(frame);
    } catch {
      return undefined;
    }
  }

  /** Whether a frame of so many bytes fits into a message of Noise. */
  static takes(byteCount: number): boolean {
    return byteCount + TAG_BYTES <= MAX_MESSAGE_BYTES;
  }

  /** Seals a frame for the client. */
  seal(frame: Uint8Array): Uint8Array {
    return this.#send.seal(frame);
  }
}

function digest(hash: Uint8Array, data: Uint8Array): Buffer {
  return createHash(HASH).update(hash).update(data).digest();
}

/** Section 4.3: HKDF with two outputs. */
function derive(chain: Uint8Array, input: Uint8Array): readonly [Buffer, Buffer] {
  const temporary = createHmac(HASH, chain).update(input).digest();
  const first = createHmac(HASH, temporary)
    .update(Buffer.from([1]))
    .digest();
  const second = createHmac(HASH, temporary)
    .update(first)
    .update(Buffer.from([2]))
    .digest();
  return [first, second];
}

/** Section 12.3: 32 bits of zeros, then the number in little-endian order. */
function nonceOf(count: bigint): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeBigUInt64LE(count, 4);
  return nonce;
}

function privateKeyOf(bytes: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PRIVATE_PREFIX, bytes]), format: "der", type: "pkcs8" });
}

function publicKeyOf(bytes: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([PUBLIC_PREFIX, bytes]), format: "der", type: "spki" });
}

function rawPublic(key: KeyObject): Uint8Array {
  return createPublicKey(key).export({ format: "der", type: "spki" }).subarray(PUBLIC_PREFIX.length);
}
