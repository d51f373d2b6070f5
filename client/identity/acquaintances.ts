import { toBase64url } from "../base64url.ts";
import { utf8 } from "../data.ts";
import type { Sid } from "../delivery/ports.ts";
import type { Cryptography } from "../sealing/cryptography.ts";
import type { Soon } from "../sealing/soon.ts";
import type { Admission } from "./admission.ts";
import { joinBytes } from "./bytes.ts";
import { type AgreementKey, agree } from "./curves.ts";
import { isTrue, readIntroduction } from "./introduction.ts";

const SALT = utf8("postern-client/1");

/** What is known of another session that has introduced itself. */
export type Acquaintance<Source = unknown> = {
  /** 43 characters of base64url, and the same as bytes. */
  readonly publicKey: string;
  readonly keyBytes: Uint8Array;
  /** What its proofs carry, which was judged once. */
  readonly introduction: Uint8Array;
  /** What the two sessions alone can compute. */
  readonly pair: Source;
};

/** What the own session is. */
export type OwnSession = {
  readonly topicId: string;
  readonly sid: Sid;
  readonly sessionKey: AgreementKey;
  /** What its proofs carry. */
  readonly introduction: Uint8Array;
};

/** The other sessions that have proved who they are, and what it takes to get to know another. */
export class Acquaintances {
  readonly cryptography: Cryptography;
  readonly own: OwnSession;
  readonly #group: unknown;
  readonly #admission: Admission;
  readonly #proved = new Map<Sid, Acquaintance>();

  /** @param group the topic's group key: who has not the secret cannot compute what two sessions share, whatever else it can. */
  constructor(cryptography: Cryptography, group: unknown, own: OwnSession, admission: Admission) {
    this.cryptography = cryptography;
    this.own = own;
    this.#group = group;
    this.#admission = admission;
  }

  get admitsAnonymous(): boolean {
    return this.#admission.admitsAnonymous;
  }

  /** Of a session that has proved itself. */
  get(sid: Sid): Acquaintance | undefined {
    return this.#proved.get(sid);
  }

  /** It has proved itself. */
  keep(sid: Sid, acquaintance: Acquaintance): void {
    this.#proved.set(sid, acquaintance);
  }

  forget(sid: Sid): void {
    this.#proved.delete(sid);
  }

  /**
   * Judges what a session says of itself. Never rejects.
   * @returns undefined: it is not true; `refused`: it is, and this member does not want to see it
   */
  async judge(sid: Sid, bytes: Uint8Array): Promise<Acquaintance | "refused" | undefined> {
    const { cryptography, own } = this;
    const introduction = readIntroduction(bytes);
    if (!(await isTrue(cryptography, own.topicId, sid, introduction))) return undefined;
    const publicKey = toBase64url(introduction.publicKey);
    if (!(await this.#admission.admits(publicKey))) return "refused";
    const shared = await agree(own.sessionKey, introduction.sessionKey);
    if (shared === undefined) return undefined;
    const pair = await this.derived(shared, this.#group, "pair", utf8([own.sid, sid].toSorted().join("\0")));
    return { publicKey, keyBytes: introduction.publicKey, introduction: bytes.slice(), pair };
  }

  /** What only the two of a pair can say, and only on these two connections. */
  confirmation({ pair }: Acquaintance, from: string, to: string): Soon<Uint8Array> {
    return this.cryptography.derive(pair, utf8(from), utf8(`confirm\0${to}`));
  }

  /** A source of keys from what two have in common, which takes both that and an earlier source. */
  async derived(shared: Uint8Array, earlier: unknown, label: string, bound: Uint8Array): Promise<unknown> {
    const { cryptography } = this;
    const salt = await cryptography.derive(earlier, SALT, utf8(label));
    const source = await cryptography.source(shared);
    return cryptography.source(await cryptography.derive(source, salt, joinBytes(utf8(`${label}\0`), bound)));
  }
}
