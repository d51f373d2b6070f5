/**
 * What this folder uses of Bare's packages and of sodium-native, which has no types. Bare's packages have some, for a Buffer of their own that
 * is none of Node's.
 */

declare module "bare-stream" {
  /** Of streamx, with the callbacks of Node. */
  export class Duplex {
    readonly destroyed: boolean;
    on(event: "data", listener: (bytes: Uint8Array) => void): unknown;
    on(event: "error", listener: (error: Error) => void): unknown;
    on(event: "connect" | "end" | "close", listener: () => void): unknown;
    /** @param onWritten called when it, and all before it, was given to what is below. */
    write(bytes: Uint8Array, onWritten: () => void): boolean;
    end(): unknown;
    destroy(): unknown;
  }
}

declare module "bare-tcp" {
  import { Duplex } from "bare-stream";

  export class Socket extends Duplex {
    connect(port: number, host: string): this;
    setNoDelay(isOn: boolean): this;
  }
}

declare module "bare-tls" {
  import { Duplex } from "bare-stream";

  export class Socket extends Duplex {
    /** @param options `ca` in place of the roots of Mozilla that it brings. */
    constructor(
      socket: Duplex,
      options: { readonly host: string; readonly alpnProtocols: readonly string[]; readonly ca?: Uint8Array },
    );
  }
}

declare module "bare-crypto" {
  interface Hash {
    update(data: Uint8Array | string): this;
    digest(): Uint8Array;
    digest(encoding: "base64"): string;
  }
  interface Cipher {
    setAAD(bytes: Uint8Array): this;
    update(bytes: Uint8Array): Uint8Array;
    final(): Uint8Array;
  }
  export function createHash(name: string): Hash;
  export function createHmac(name: string, key: Uint8Array): Hash;
  export function createCipheriv(
    name: string,
    key: Uint8Array,
    nonce: Uint8Array,
  ): Cipher & { getAuthTag(): Uint8Array };
  export function createDecipheriv(
    name: string,
    key: Uint8Array,
    nonce: Uint8Array,
  ): Cipher & { setAuthTag(tag: Uint8Array): unknown };
  export function randomBytes(count: number): Uint8Array & { toString(encoding: "base64"): string };
  export function randomFill(bytes: Uint8Array): Uint8Array;
}

declare module "bare-crypto/web" {
  /** Digests, Ed25519, HMAC and PBKDF2, as W3C Web Cryptography has them. */
  export class SubtleCrypto {
    generateKey(...words: readonly unknown[]): Promise<unknown>;
    importKey(...words: readonly unknown[]): Promise<unknown>;
    exportKey(...words: readonly unknown[]): Promise<unknown>;
    deriveBits(...words: readonly unknown[]): Promise<unknown>;
    deriveKey(...words: readonly unknown[]): Promise<unknown>;
  }
  export function getRandomValues<Bytes extends ArrayBufferView>(bytes: Bytes): Bytes;
  export function randomUUID(): string;
}

declare module "bare-encoding" {
  export class TextEncoder {
    encode(text?: string): Uint8Array;
  }
  export class TextDecoder {
    constructor(label?: string);
    decode(bytes?: ArrayBufferView | ArrayBuffer, options?: { readonly stream?: boolean }): string;
  }
}

declare module "bare-abort-controller" {
  export const AbortController: typeof globalThis.AbortController;
  export const AbortSignal: typeof globalThis.AbortSignal;
}

declare module "bare-performance" {
  const performance: { now(): number };

  export { performance as default };
}

declare module "sodium-native" {
  /** X25519 (RFC 7748). Both throw where a key is none; the second also where every result would be the same. */
  export function crypto_box_keypair(publicKey: Uint8Array, privateKey: Uint8Array): void;
  export function crypto_scalarmult_base(publicKey: Uint8Array, privateKey: Uint8Array): void;
  export function crypto_scalarmult(shared: Uint8Array, privateKey: Uint8Array, publicKey: Uint8Array): void;
}
