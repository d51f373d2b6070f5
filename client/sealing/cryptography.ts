import type { Soon } from "./soon.ts";

/**
 * What sealing needs of a platform: HKDF-SHA-256 (RFC 5869) and AES-256-GCM with a tag of 16 bytes (NIST SP 800-38D). The two
 * types are the platform's own: what keys are derived from, and a key.
 */
export interface Cryptography<Source = unknown, Key = unknown> {
  /** Key material to derive from, at least 16 bytes. */
  source(material: Uint8Array): Soon<Source>;
  /** 32 bytes. */
  derive(source: Source, salt: Uint8Array, info: Uint8Array): Soon<Uint8Array>;
  deriveKey(source: Source, salt: Uint8Array, info: Uint8Array): Soon<Key>;
  /**
   * Seals what is behind the first `clearBytes` of a frame; where that is bound, it stays as it is.
   * @returns a new frame: those bytes, the ciphertext, the tag; with `roomBytes` before it in its memory that nobody uses
   */
  seal(key: Key, frame: Uint8Array, clearBytes: number, how: Sealing): Soon<Uint8Array>;
  /**
   * Opens what `seal` has made.
   * @param frame belongs to what is returned, which may be in its place; it is as it was where that is undefined.
   * @returns a frame without the tag; undefined: it is not that, or under another key
   */
  open(key: Key, frame: Uint8Array, clearBytes: number, how: Sealing): Soon<Uint8Array | undefined>;
}

/**
 * @property nonce 12 bytes, never the same twice with one key for two contents.
 * @property roomBytes none unless it is set.
 * @property isBound what would be encrypted is not, and counts as the end of the additional data instead.
 */
export type Sealing = {
  readonly nonce: Uint8Array;
  readonly additionalData: Uint8Array;
  readonly isBound?: boolean | undefined;
  readonly roomBytes?: number | undefined;
};

/** The bytes of the tag behind a ciphertext. */
export const TAG_BYTES = 16;
