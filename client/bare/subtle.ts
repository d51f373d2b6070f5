import { SubtleCrypto } from "bare-crypto/web";
import { toBase64url } from "../base64url.ts";
import { TAG_BYTES } from "../sealing/cryptography.ts";
import { BareCryptography, derived } from "./bare-cryptography.ts";

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
/** RFC 8410 section 7: what stands before the 32 bytes of an X25519 key in PKCS #8. */
const PKCS8_HEAD = Uint8Array.of(0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x6e, 4, 0x22, 4, 0x20);

type Name = "HKDF" | "AES-GCM" | "X25519";
type Algorithm = string | ({ readonly name: string } & Readonly<Record<string, unknown>>);

/** A key of what bare-crypto has no key for. */
class OwnKey {
  readonly algorithm: { readonly name: Name };
  readonly type: "secret" | "private" | "public";
  readonly extractable: boolean;
  readonly #bytes: Uint8Array;

  constructor(name: Name, type: OwnKey["type"], extractable: boolean, bytes: Uint8Array) {
    this.algorithm = { name };
    this.type = type;
    this.extractable = extractable;
    this.#bytes = bytes;
  }

  /** @throws DOMException-like where the key is of another algorithm, or another half */
  static bytesOf(key: unknown, name: Name, type: OwnKey["type"]): Uint8Array {
    if (key instanceof OwnKey && key.algorithm.name === name && key.type === type) return key.#bytes;
    throw failure("InvalidAccessError", `no ${type} key for ${name}`);
  }
}

/**
 * WebCrypto as far as this client needs it (W3C Web Cryptography): that of bare-crypto, which has digests, Ed25519, HMAC and PBKDF2; with
 * HKDF-SHA-256 and AES-256-GCM by its other functions, and X25519 by sodium-native, which is loaded when it is needed.
 */
export class BareSubtle extends SubtleCrypto {
  readonly #cryptography = new BareCryptography();

  override async generateKey(algorithm: Algorithm, extractable: boolean, usages: readonly string[]): Promise<unknown> {
    if (nameOf(algorithm) !== "X25519") return super.generateKey(algorithm, extractable, usages);
    const [publicKey, privateKey] = [new Uint8Array(KEY_BYTES), new Uint8Array(KEY_BYTES)];
    (await sodium()).crypto_box_keypair(publicKey, privateKey);
    return {
      publicKey: new OwnKey("X25519", "public", true, publicKey),
      privateKey: new OwnKey("X25519", "private", extractable, privateKey),
    };
  }

  override async importKey(
    format: string,
    data: Uint8Array,
    algorithm: Algorithm,
    extractable: boolean,
    usages: readonly string[],
  ): Promise<unknown> {
    const name = nameOf(algorithm);
    if (!isOwn(name)) return super.importKey(format, data, algorithm, extractable, usages);
    const bytes = new Uint8Array(data);
    if (name === "HKDF" && format === "raw") return new OwnKey(name, "secret", false, bytes);
    const isPrivate = name === "X25519" && format === "pkcs8";
    if (!isPrivate && format !== "raw") throw unsupported(`${name} as ${format}`);
    const key = isPrivate ? behindHead(bytes) : bytes;
    if (key.length !== KEY_BYTES) throw failure("DataError", `a key for ${name} has ${KEY_BYTES} bytes`);
    const type = isPrivate ? "private" : name === "X25519" ? "public" : "secret";
    return new OwnKey(name, type, extractable, key);
  }

  override async exportKey(format: string, key: unknown): Promise<unknown> {
    if (!(key instanceof OwnKey)) return super.exportKey(format, key);
    if (!key.extractable) throw failure("InvalidAccessError", "the key is not extractable");
    if (key.algorithm.name !== "X25519") throw unsupported(`to export a key for ${key.algorithm.name}`);
    if (format === "raw") return OwnKey.bytesOf(key, "X25519", "public").slice().buffer;
    if (format === "jwk") return jwkOf(key);
    throw unsupported(`X25519 as ${format}`);
  }

  override async deriveBits(how: Algorithm, key: unknown, length: number): Promise<unknown> {
    const name = nameOf(how);
    if (name === "HKDF") return hkdf(how, key, length / 8).slice().buffer;
    if (name === "X25519") return agreed(how, key, length);
    return super.deriveBits(how, key, length);
  }

  override async deriveKey(
    how: Algorithm,
    key: unknown,
    algorithm: Algorithm,
    extractable: boolean,
    usages: readonly string[],
  ): Promise<unknown> {
    if (nameOf(how) !== "HKDF") return super.deriveKey(how, key, algorithm, extractable, usages);
    if (nameOf(algorithm) !== "AES-GCM") throw unsupported(`${nameOf(algorithm)} by HKDF`);
    return new OwnKey("AES-GCM", "secret", extractable, hkdf(how, key, KEY_BYTES));
  }

  async encrypt(how: Algorithm, key: unknown, data: Uint8Array): Promise<unknown> {
    const bytes = OwnKey.bytesOf(key, "AES-GCM", "secret");
    return this.#cryptography.seal(bytes, new Uint8Array(data), 0, sealingOf(how)).buffer;
  }

  async decrypt(how: Algorithm, key: unknown, data: Uint8Array): Promise<unknown> {
    const bytes = OwnKey.bytesOf(key, "AES-GCM", "secret");
    const opened = this.#cryptography.open(bytes, new Uint8Array(data), 0, sealingOf(how));
    if (opened === undefined) throw failure("OperationError", "it is not what was sealed, or under another key");
    return opened.slice().buffer;
  }
}

async function sodium(): Promise<typeof import("sodium-native")> {
  try {
    return await import("sodium-native");
  } catch (cause) {
    throw failure("NotSupportedError", "X25519 needs the package sodium-native", cause);
  }
}

async function agreed(how: Algorithm, key: unknown, length: number): Promise<ArrayBuffer> {
  const others = OwnKey.bytesOf(option(how, "public"), "X25519", "public");
  const own = OwnKey.bytesOf(key, "X25519", "private");
  if (length !== 8 * KEY_BYTES) throw unsupported(`${length} bits by X25519`);
  const shared = new Uint8Array(KEY_BYTES);
  (await sodium()).crypto_scalarmult(shared, own, others);
  return shared.buffer;
}

/** RFC 8037 section 2. */
async function jwkOf(key: OwnKey): Promise<unknown> {
  const isPrivate = key.type === "private";
  const bytes = OwnKey.bytesOf(key, "X25519", key.type);
  const publicKey = isPrivate ? new Uint8Array(KEY_BYTES) : bytes;
  if (isPrivate) (await sodium()).crypto_scalarmult_base(publicKey, bytes);
  const shared = { kty: "OKP", crv: "X25519", x: toBase64url(publicKey), ext: true };
  return isPrivate ? { ...shared, d: toBase64url(bytes) } : shared;
}

function hkdf(how: Algorithm, key: unknown, byteCount: number): Uint8Array {
  const hash = option(how, "hash");
  if (hash !== "SHA-256") throw unsupported(`HKDF by ${String(hash)}`);
  return derived(OwnKey.bytesOf(key, "HKDF", "secret"), {
    salt: bytesIn(how, "salt"),
    info: bytesIn(how, "info"),
    byteCount,
  });
}

function sealingOf(how: Algorithm): { readonly nonce: Uint8Array; readonly additionalData: Uint8Array } {
  const nonce = bytesIn(how, "iv");
  const tagLength = option(how, "tagLength") ?? 8 * TAG_BYTES;
  if (nonce.length !== NONCE_BYTES || tagLength !== 8 * TAG_BYTES) throw unsupported("another nonce or tag of AES-GCM");
  return {
    nonce,
    additionalData: option(how, "additionalData") === undefined ? nonce.subarray(0, 0) : bytesIn(how, "additionalData"),
  };
}

function behindHead(pkcs8: Uint8Array): Uint8Array {
  const isKey = PKCS8_HEAD.every((byte, at) => pkcs8[at] === byte);
  return isKey ? pkcs8.slice(PKCS8_HEAD.length) : new Uint8Array();
}

function nameOf(algorithm: Algorithm): string {
  return typeof algorithm === "string" ? algorithm : algorithm.name;
}

function isOwn(name: string): name is Name {
  return name === "HKDF" || name === "AES-GCM" || name === "X25519";
}

function option(algorithm: Algorithm, name: string): unknown {
  return typeof algorithm === "string" ? undefined : algorithm[name];
}

function bytesIn(algorithm: Algorithm, name: string): Uint8Array {
  const bytes = option(algorithm, name);
  if (bytes instanceof Uint8Array) return bytes;
  throw new TypeError(`${name} is a Uint8Array`);
}

function unsupported(what: string): Error {
  return failure("NotSupportedError", `Bare's client has no ${what}`);
}

/** As a DOMException, which Bare has not. */
function failure(name: string, sentence: string, cause?: unknown): Error {
  return Object.defineProperty(new Error(sentence, { cause }), "name", { value: name });
}
