import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { readFile } from "node:fs/promises";
import { parseJsonObject } from "../json.ts";
import { RelayError } from "../relay-error.ts";
import { type CertificateStore, StoreError } from "./store/ports.ts";

/** Where it is in a store. All relays that share the store share the key. */
const ENTRY = "relay-key";

/** The relay's own key: Ed25519 (RFC 8032). It outlives certificates, and clients know the relay by it. */
export class OwnKey {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly #privateKey: KeyObject;

  /** @param privateKey of Ed25519. */
  constructor(privateKey: KeyObject) {
    this.#privateKey = privateKey;
    this.publicKey = Buffer.from(createPublicKey(privateKey).export({ format: "jwk" }).x ?? "", "base64url");
  }

  /** As operators publish it and clients pin it: base64url, 43 characters. */
  get publicText(): string {
    return Buffer.from(this.publicKey).toString("base64url");
  }

  /** @returns 64 bytes. */
  sign(bytes: Uint8Array): Uint8Array {
    return sign(null, bytes, this.#privateKey);
  }
}

/**
 * The key that a store keeps.
 * @returns undefined where it keeps none. @throws StoreError; `store-corrupt` where what it keeps is no such key: it stays as it is
 */
export async function keptOwnKey(store: CertificateStore): Promise<OwnKey | undefined> {
  const text = await store.load(ENTRY);
  if (text === undefined) return undefined;
  const pem = parseJsonObject(text)?.["privateKey"];
  const key = typeof pem === "string" ? keyOf(pem) : undefined;
  if (key === undefined) throw new StoreError("store-corrupt", `${store.description}: ${ENTRY} holds no Ed25519 key`);
  return key;
}

/** The key that a store keeps, made and kept there where it has none. @throws StoreError */
export async function ownKeyIn(store: CertificateStore): Promise<OwnKey> {
  const kept = await keptOwnKey(store);
  if (kept !== undefined) return kept;
  const privateKey = generateKeyPairSync("ed25519").privateKey.export({ format: "pem", type: "pkcs8" });
  await store.save(ENTRY, JSON.stringify({ privateKey }));
  // Of several relays that start at once the last one's stays, and the others take it.
  return (await keptOwnKey(store)) ?? new OwnKey(createPrivateKey(privateKey));
}

/** The key in a PEM file, as `openssl genpkey -algorithm ed25519` writes it. @throws RelayError RELAY_KEY_UNUSABLE */
export async function ownKeyInFile(path: string): Promise<OwnKey> {
  let pem: string;
  try {
    pem = await readFile(path, "utf8");
  } catch (cause) {
    throw unusable(`RELAY_KEY_FILE cannot be read: ${cause instanceof Error ? cause.message : path}`, cause);
  }
  const key = keyOf(pem);
  if (key !== undefined) return key;
  throw unusable(
    `RELAY_KEY_FILE is ${path}, which holds no private key of Ed25519 in PEM without a passphrase. Make one with: openssl genpkey -algorithm ed25519`,
  );
}

function unusable(message: string, cause?: unknown): RelayError {
  return new RelayError("RELAY_KEY_UNUSABLE", message, { cause });
}

/** Undefined: it is no such key. */
function keyOf(pem: string): OwnKey | undefined {
  try {
    const key = createPrivateKey(pem);
    return key.asymmetricKeyType === "ed25519" ? new OwnKey(key) : undefined;
  } catch {
    return undefined;
  }
}
