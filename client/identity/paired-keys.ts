import { utf8 } from "../data.ts";
import { decodeProof, type FrameHead } from "../delivery/frame.ts";
import type { Sid } from "../delivery/ports.ts";
import { sidOfName } from "../roster.ts";
import { ConnectionKeys, type Receiver, sealingOf } from "../sealing/frame-seal.ts";
import { type Soon, whenHere } from "../sealing/soon.ts";
import type { Acquaintance, Acquaintances } from "./acquaintances.ts";
import { isSameBytes, joinBytes } from "./bytes.ts";
import { INTRODUCTION_BYTES, isIdentified } from "./introduction.ts";
import type { SecretsOfStreams } from "./stream-secrets.ts";

/** In the flags of a frame: it is sealed by the keys of the pair, or by those of its stream. */
const FLAG_PAIR = 128;
const FLAG_STREAM = 8;

/** Each costs a signature to check: who has sent more that are false is not heard on this connection. */
const MAX_FALSE = 4;
const NOTHING: Uint8Array = new Uint8Array();

/** What the keys of all connections of a topic share. */
export type PairedParts = { readonly acquaintances: Acquaintances; readonly streams: SecretsOfStreams };

/**
 * The keys of one connection where this end has an identity. Of a session that has one too, nothing is heard before it has
 * introduced itself and confirmed that it is there; from then on what goes to one is sealed by what the two sessions share.
 */
export class PairedKeys extends ConnectionKeys {
  readonly #parts: PairedParts;
  readonly #sid: Sid;
  readonly #isIdentified: boolean;
  readonly #settled: () => Promise<void>;
  readonly #knowing = Promise.withResolvers<Acquaintance>();
  /** By the name of the sender's connection, and the kind of frame. */
  readonly #pairKeys = new Map<string, Soon<unknown>>();
  #judging: Soon<unknown>;
  #acquaintance: Acquaintance | undefined;
  #isConfirmed = false;
  #isRefused = false;
  #owesProof = false;
  #falseCount = 0;

  /** @param settled as `Seals.keysOf` has it. */
  constructor(parts: PairedParts, group: unknown, name: string, settled: () => Promise<void>) {
    super(parts.acquaintances.cryptography, group, name);
    this.#parts = parts;
    this.#sid = sidOfName(name) ?? "";
    this.#isIdentified = isIdentified(this.#sid);
    this.#settled = settled;
    const known = parts.acquaintances.get(this.#sid);
    if (known !== undefined) this.#knows(known);
  }

  override get isAdmitted(): boolean {
    return this.#isIdentified ? this.#isConfirmed : this.#parts.acquaintances.admitsAnonymous;
  }

  override get isRefused(): boolean {
    return this.#isRefused || !(this.#isIdentified || this.#parts.acquaintances.admitsAnonymous);
  }

  override get owesProof(): boolean {
    return this.#owesProof;
  }

  /** Resolves when it has introduced itself. Undefined: it never will, as it has no identity. */
  get known(): Promise<Acquaintance> | undefined {
    return this.#isIdentified ? this.#knowing.promise : undefined;
  }

  override seal(frame: Uint8Array, head: FrameHead, receiver: Receiver | undefined): Soon<Uint8Array> {
    const peer = receiver?.keys;
    const isPaired = peer instanceof PairedKeys && peer.#isIdentified && head.kind !== "message";
    if (!isPaired) return super.seal(frame, head, receiver);
    if (decodeProof(head) === undefined) return peer.#sealTo(this.name, frame, head, receiver);
    return whenHere(peer.#proofFrom(this.name), (proof) => super.seal(joinBytes(frame, proof), head, receiver));
  }

  override open(sealed: Uint8Array, head: FrameHead, receiver: Receiver | undefined): Soon<Uint8Array | undefined> {
    const isProof = decodeProof(head) !== undefined;
    const flag = head.flags & (FLAG_PAIR | FLAG_STREAM);
    // What goes to all; and those without an identity.
    const isPlain = flag === 0 && (!this.#isIdentified || isProof || head.kind === "message" || receiver === undefined);
    if (isPlain && isProof && this.#isIdentified && receiver !== undefined) {
      const judged = whenHere(this.#judging, () => this.#openProof(sealed, head, receiver));
      this.#judging = judged;
      void this.#hasJudged(judged);
      return judged;
    }
    if (isPlain) return super.open(sealed, head, receiver);
    if (!this.#isIdentified || receiver === undefined) return undefined;
    if (flag === FLAG_PAIR) return whenHere(this.#judging, () => this.#openPaired(sealed, head, receiver));
    return flag === FLAG_STREAM && head.kind === "chunk" ? this.#openOfStream(sealed, head, receiver) : undefined;
  }

  /** Seals what the own connection of this name sends to this one alone. */
  #sealTo(from: string, frame: Uint8Array, head: FrameHead, receiver: Receiver | undefined): Soon<Uint8Array> {
    const { acquaintances, streams } = this.#parts;
    // The first chunks of a stream are what its key is made of.
    const ofStream = head.stream > 0 && head.seq > 1 && head.kind === "chunk";
    const own = ofStream ? streams.sendingKey(this.#sid, head.stream, from) : undefined;
    const flag = own === undefined ? FLAG_PAIR : FLAG_STREAM;
    const how = sealingOf({ ...head, flags: head.flags | flag }, receiver);
    return whenHere(own ?? this.#pairKey(from, head.kind), (key) =>
      whenHere(acquaintances.cryptography.seal(key, frame, head.clearBytes, how), (sealed) => {
        sealed[1] = head.flags | flag;
        return sealed;
      }),
    );
  }

  /** What proves the own session to this one, on the own connection of this name. */
  #proofFrom(from: string): Soon<Uint8Array> {
    const { acquaintances } = this.#parts;
    const { introduction } = acquaintances.own;
    if (this.#acquaintance === undefined) return introduction;
    this.#owesProof = false;
    return whenHere(acquaintances.confirmation(this.#acquaintance, from, this.name), (confirmation) =>
      joinBytes(introduction, confirmation),
    );
  }

  #openProof(sealed: Uint8Array, head: FrameHead, receiver: Receiver): Soon<Uint8Array | undefined> {
    if (this.#falseCount >= MAX_FALSE) return undefined;
    return whenHere(super.open(sealed, head, receiver), (frame) => frame && this.#judge(frame, head, receiver));
  }

  /** From then on nothing waits: where the platform computes at once, frames are opened at once again. */
  async #hasJudged(judged: Soon<unknown>): Promise<void> {
    await Promise.allSettled([judged]);
    if (this.#judging === judged) this.#judging = undefined;
  }

  async #judge(frame: Uint8Array, head: FrameHead, receiver: Receiver): Promise<Uint8Array | undefined> {
    const { acquaintances } = this.#parts;
    const introduction = frame.subarray(head.clearBytes, head.clearBytes + INTRODUCTION_BYTES);
    const confirmation = frame.subarray(head.clearBytes + INTRODUCTION_BYTES);
    if (introduction.length !== INTRODUCTION_BYTES || this.#isRefused) return this.#isFalse();
    if (this.#acquaintance === undefined) {
      const verdict = await acquaintances.judge(this.#sid, introduction);
      if (verdict === undefined) return this.#isFalse();
      this.#isRefused = verdict === "refused";
      if (verdict === "refused") return frame;
      this.#knows(verdict);
      this.#owesProof = true;
    } else if (!isSameBytes(introduction, this.#acquaintance.introduction)) return this.#isFalse();
    if (confirmation.length === 0) return frame;
    const own = receiver.keys?.name ?? "";
    const acquaintance = await this.#knowing.promise;
    const expected = await acquaintances.confirmation(acquaintance, this.name, own);
    if (!isSameBytes(confirmation, expected)) return this.#isFalse();
    this.#isConfirmed = true;
    acquaintances.keep(this.#sid, acquaintance);
    return frame;
  }

  #isFalse(): undefined {
    this.#falseCount += 1;
  }

  #knows(acquaintance: Acquaintance): void {
    this.#acquaintance = acquaintance;
    this.#knowing.resolve(acquaintance);
  }

  #openPaired(sealed: Uint8Array, head: FrameHead, receiver: Receiver): Soon<Uint8Array | undefined> {
    const key = this.#acquaintance && this.#pairKey(this.name, head.kind);
    return key === undefined ? undefined : this.#openBy(key, sealed, head, receiver);
  }

  /** Its key may be in what has come right before it. Of a stream that has ended there is none, and nothing is missed. */
  #openOfStream(sealed: Uint8Array, head: FrameHead, receiver: Receiver): Soon<Uint8Array | undefined> {
    const key = this.#parts.streams.receivingKey(this.#sid, head.stream, this.name);
    if (key !== undefined) return this.#openBy(key, sealed, head, receiver);
    return this.#settled().then(() => {
      const late = this.#parts.streams.receivingKey(this.#sid, head.stream, this.name);
      return late === undefined ? NOTHING : this.#openBy(late, sealed, head, receiver);
    });
  }

  #openBy(
    soonKey: Soon<unknown>,
    sealed: Uint8Array,
    head: FrameHead,
    receiver: Receiver,
  ): Soon<Uint8Array | undefined> {
    const open = (key: unknown): Soon<Uint8Array | undefined> =>
      whenHere(
        this.#parts.acquaintances.cryptography.open(key, sealed, head.clearBytes, sealingOf(head, receiver)),
        (frame) => {
          // What is behind sees the frame as it was before it was sealed.
          if (frame !== undefined) frame[1] = head.flags & ~(FLAG_PAIR | FLAG_STREAM);
          return frame;
        },
      );
    return soonKey instanceof Promise ? soonKey.then(open, () => undefined) : open(soonKey);
  }

  #pairKey(name: string, kind: FrameHead["kind"]): Soon<unknown> {
    const id = `${kind} ${name}`;
    const known = this.#pairKeys.get(id);
    if (known !== undefined) return known;
    const { acquaintances } = this.#parts;
    if (this.#acquaintance === undefined) return Promise.reject(new Error("it has not introduced itself"));
    const key = acquaintances.cryptography.deriveKey(this.#acquaintance.pair, utf8(name), utf8(kind));
    this.#pairKeys.set(id, key);
    return key;
  }
}
