import type NoiseSecretStream from "@hyperswarm/secret-stream";
import { hash } from "hypercore-crypto";
import curve from "noise-curve-ed";
import Noise from "noise-handshake";
import { Buffer } from "#buffer";
import { utf8 } from "../data.ts";

/** Another version has other handshakes: the two do not understand each other. */
const PROLOGUE = utf8("postern-client/hyperswarm/1");
const CONFIRMATION = utf8("postern-client/hyperswarm/1 confirmation");

/** Bytes of what the dialling side proves itself with. */
export const CONFIRMATION_BYTES = 32;

/** A key pair, or the public half of one whose secret key is elsewhere: then the hooks below have to be others. */
export type KeyPair = { readonly publicKey: Uint8Array; readonly secretKey?: Uint8Array };

/** What a finished handshake gives, as a secret stream takes it. */
export type HandshakeResult = NoiseSecretStream.Handshake;

/**
 * One side of a Noise IK handshake: who dials knows the other's key and sends first. In the shape of hyperdht's own, so that whoever
 * holds no key can pass the messages on.
 */
export interface Handshake {
  /** The next message to send. */
  send(): Uint8Array | Promise<Uint8Array>;
  /** Takes the message of the other side. Throws, or rejects, for what was made for another key or changed on the way. */
  recv(message: Uint8Array): void | Promise<void>;
  /** When both messages are through, and no sooner. */
  final(): HandshakeResult;
  /** Whose the other side is: known to who listens after `recv`. */
  readonly remotePublicKey: Uint8Array;
}

/** Begins a handshake. @param remotePublicKey whom to reach; null for the side that listens. */
export type CreateHandshake = (keyPair: KeyPair, remotePublicKey: Uint8Array | null) => Handshake;

/** Begins a handshake with a secret key that is here. */
export const createNoiseHandshake: CreateHandshake = (keyPair, remotePublicKey) =>
  new NoiseHandshake(keyPair, remotePublicKey);

class NoiseHandshake implements Handshake {
  readonly #noise: Noise;
  readonly #publicKey: Uint8Array;

  constructor(keyPair: KeyPair, remotePublicKey: Uint8Array | null) {
    this.#publicKey = keyPair.publicKey;
    this.#noise = new Noise("IK", remotePublicKey !== null, keyPair, { curve });
    this.#noise.initialise(Buffer.from(PROLOGUE), remotePublicKey);
  }

  get remotePublicKey(): Uint8Array {
    return Buffer.from(this.#noise.rs);
  }

  send(): Uint8Array {
    return this.#noise.send();
  }

  recv(message: Uint8Array): void {
    this.#noise.recv(Buffer.from(message));
  }

  final(): HandshakeResult {
    const { rs, hash: transcript, tx, rx } = this.#noise;
    const [remotePublicKey, ...rest] = [rs, transcript, tx, rx].map((bytes) => Buffer.from(bytes));
    const [handshakeHash, sending, receiving] = rest;
    if (!remotePublicKey || !handshakeHash || !sending || !receiving) throw new Error("the handshake has not ended");
    return { publicKey: this.#publicKey, remotePublicKey, hash: handshakeHash, tx: sending, rx: receiving };
  }
}

/**
 * What the dialling side sends first on the finished connection: only who has made the handshake can, so that a first message which
 * somebody plays again opens nothing.
 * @param key its sending key, which is the other side's receiving key.
 */
export function confirmationOf(key: Uint8Array): Uint8Array {
  return hash([CONFIRMATION, key.subarray(0, 32)]);
}

/** Compares without telling by its time how much is equal. */
export function isSame(one: Uint8Array, other: Uint8Array): boolean {
  let difference = one.length ^ other.length;
  for (let at = 0; at < one.length; at += 1) difference |= (one[at] ?? 0) ^ (other[at] ?? 0);
  return difference === 0;
}
