import { utf8 } from "../data.ts";
import type { FrameHead } from "../delivery/frame.ts";
import type { Sid } from "../delivery/ports.ts";
import { ROOM_BYTES } from "../line/headed.ts";
import type { Cryptography, Sealing } from "./cryptography.ts";
import { type Soon, whenHere } from "./soon.ts";

/**
 * The keys of one session on one connection, derived from the name under which it joined. The name is random anew each time,
 * so a process that was forked, or a machine that went on from a snapshot twice, uses no key twice.
 */
export class ConnectionKeys<Source = unknown, Key = unknown> {
  readonly name: string;
  readonly #cryptography: Cryptography<Source, Key>;
  readonly #group: Source;
  readonly #keys = new Map<string, Soon<Key>>();

  constructor(cryptography: Cryptography<Source, Key>, group: Source, name: string) {
    this.#cryptography = cryptography;
    this.#group = group;
    this.name = name;
  }

  /** Whether this connection may be heard, once it has proved to have the secret. */
  get isAdmitted(): boolean {
    return true;
  }

  /** It is never to be heard. */
  get isRefused(): boolean {
    return false;
  }

  /** This end has not proved itself to it by all that it knows now. */
  get owesProof(): boolean {
    return false;
  }

  /**
   * Seals a frame, with `ROOM_BYTES` before it. One to the same receiver with the same number is the same but for its resend flag.
   * @param receiver to whom, where it is not for all: the name of its connection, and its session.
   */
  seal(frame: Uint8Array, head: FrameHead, receiver: Receiver | undefined): Soon<Uint8Array> {
    const how = sealingOf(head, receiver);
    return whenHere(this.#keyFor(head, receiver), (key) => this.#cryptography.seal(key, frame, head.clearBytes, how));
  }

  /** Opens a frame of this connection. @returns undefined: it is not its, not to this receiver, or was changed; empty: nothing to be used */
  open(sealed: Uint8Array, head: FrameHead, receiver: Receiver | undefined): Soon<Uint8Array | undefined> {
    const how = sealingOf(head, receiver);
    return whenHere(this.#keyFor(head, receiver), (key) => this.#cryptography.open(key, sealed, head.clearBytes, how));
  }

  #keyFor({ kind }: FrameHead, receiver: Receiver | undefined): Soon<Key> {
    const label = kind === "chunk" ? `chunk\0${receiver?.sid ?? ""}` : kind;
    const known = this.#keys.get(label);
    if (known !== undefined) return known;
    const key = this.#cryptography.deriveKey(this.#group, utf8(this.name), utf8(label));
    this.#keys.set(label, key);
    return key;
  }
}

/** @property nameBytes the name of its connection, in UTF-8. @property keys of that connection, where they are at hand. */
export type Receiver = { readonly sid: Sid; readonly nameBytes: Uint8Array; readonly keys?: ConnectionKeys };

/**
 * The nonce is `u16 0, stream u32, seq u48`; what is bound to the ciphertext is `type u8, flags u8` without the resend flag,
 * and for control frames to one receiver the name of its connection. Messages and chunks are sent again to other connections
 * of a receiver, so they are not bound to that one. Of a bound chunk all that is behind its stream is bound too, and nothing is encrypted.
 */
export function sealingOf(
  { kind, type, flags, seq, stream, isBound }: FrameHead,
  receiver: Receiver | undefined,
): Sealing {
  const nonce = new Uint8Array(12);
  const view = new DataView(nonce.buffer);
  view.setUint32(2, stream);
  view.setUint16(6, Math.floor(seq / 2 ** 32));
  view.setUint32(8, seq >>> 0);
  const name = kind === "control" ? receiver?.nameBytes : undefined;
  const additionalData = new Uint8Array(2 + (name?.length ?? 0));
  additionalData[0] = type;
  additionalData[1] = flags;
  if (name !== undefined) additionalData.set(name, 2);
  return { nonce, additionalData, isBound, roomBytes: ROOM_BYTES };
}
