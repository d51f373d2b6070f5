import { createPublicKey, randomUUID, verify } from "node:crypto";
import type { Mailboxes } from "../../store/mailboxes.ts";
import type { HandshakeMessage, Proof } from "./client-messages.ts";

/** RFC 8410: what stands before the bytes of an Ed25519 key in SPKI. */
const PUBLIC_PREFIX = Buffer.from("302a300506032b6570032100", "hex");
/** How far a client's clock may be off. */
const MAX_SKEW_SECONDS = 60;
/** A nonce is remembered for longer than its timestamp may be used. */
const NONCE_TTL_MS = 120_000;
const NONCE_QUOTA = { maxCount: 100_000, maxBytes: 0 };
/** Ids that have signed. When there are more, further ones are served, and not remembered. */
const SIGNED_QUOTA = { maxCount: 1_000_000, maxBytes: 0 };
const DAY_MS = 86_400_000;
const SIGNED_TTL_MS = 90 * DAY_MS;

/** Why a handshake is refused: the reason of the close. A closed set. */
export type HandshakeRefusal = "signature" | "clock" | "replayed" | "signature required" | "not its mailbox";

/** Who may be whom: an id that has once proved itself by a signature must do so ever after, for 90 days after the last time. */
export class Identities {
  readonly #mailboxes: Mailboxes;
  readonly #epochMs: () => number;
  readonly #requiresSignature: boolean;

  /** @param epochMs the time of day, as clients have it. */
  constructor(
    mailboxes: Mailboxes,
    epochMs: () => number,
    { requiresSignature }: { readonly requiresSignature: boolean },
  ) {
    this.#mailboxes = mailboxes;
    this.#epochMs = epochMs;
    this.#requiresSignature = requiresSignature;
  }

  /**
   * Judges a handshake.
   * @returns why it is refused; undefined: it is taken. @throws StoreError
   */
  async refusalOf({ clientId, routingToken, proof }: HandshakeMessage): Promise<HandshakeRefusal | undefined> {
    if (proof === "partial") return "signature";
    if (proof === "none" && this.#requiresSignature) return "signature required";
    if (proof !== "none") {
      const refusal = this.#judge(clientId, proof) ?? (await this.#use(clientId, proof));
      if (refusal !== undefined) return refusal;
    }
    const names = [proof === "none" ? clientId : undefined, routingToken === clientId ? undefined : routingToken];
    const wanted = names.filter((name) => name !== undefined);
    const { store } = this.#mailboxes;
    const signed = await store.find({ space: "signed", names: wanted, nowMs: this.#mailboxes.nowMs() });
    if (signed.some(({ name }) => name === clientId)) return "signature required";
    return signed.length > 0 ? "not its mailbox" : undefined;
  }

  /** What can be judged without the store. */
  #judge(clientId: string, { publicKey, nonce, signature, timestamp }: Proof): HandshakeRefusal | undefined {
    if (Math.abs(Math.floor(this.#epochMs() / 1000) - timestamp) > MAX_SKEW_SECONDS) return "clock";
    const signed = Buffer.alloc(40);
    signed.write(nonce, "hex");
    signed.writeBigUInt64BE(BigInt(timestamp), 32);
    const isAuthentic = publicKey === clientId && isSignedBy(publicKey, signed, Buffer.from(signature, "hex"));
    return isAuthentic ? undefined : "signature";
  }

  /** Nobody else may use this nonce again; and the id is known to sign. Only what is authentic gets here. */
  async #use(clientId: string, { nonce }: Proof): Promise<HandshakeRefusal | undefined> {
    const { store } = this.#mailboxes;
    const nowMs = this.#mailboxes.nowMs();
    // Each use has an owner of its own: the second one finds that it is taken.
    const use = {
      space: "nonces",
      name: nonce,
      owner: randomUUID(),
      data: new Uint8Array(0),
      nowMs,
      quota: NONCE_QUOTA,
    };
    const known = {
      space: "signed",
      name: clientId,
      owner: clientId,
      data: new Uint8Array(0),
      nowMs,
      quota: SIGNED_QUOTA,
    };
    const [outcome] = await Promise.all([
      store.put({ ...use, expiresAtMs: nowMs + NONCE_TTL_MS }),
      store.put({ ...known, expiresAtMs: nowMs + SIGNED_TTL_MS }),
    ]);
    return outcome === "stored" ? undefined : "replayed";
  }
}

function isSignedBy(publicKey: string, signed: Uint8Array, signature: Uint8Array): boolean {
  try {
    const spki = Buffer.concat([PUBLIC_PREFIX, Buffer.from(publicKey, "hex")]);
    return verify(null, signed, createPublicKey({ key: spki, format: "der", type: "spki" }), signature);
  } catch {
    // Bytes that are no point of the curve.
    return false;
  }
}
