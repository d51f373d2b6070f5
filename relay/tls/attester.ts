import type { Logger } from "pino";
import { attestationToSign, writeAttestation } from "../../protocol/attestation.ts";
import { MAX_UINT32 } from "../../protocol/limits.ts";
import type { Clock, Timer } from "../clock.ts";
import { factsOf } from "./material.ts";
import type { OwnKey } from "./own-key.ts";
import { StoreError } from "./store/ports.ts";

/** A start waits for the key so long at most: a store that is away is no reason not to serve. */
const START_MS = 2000;
/** A store that failed is asked again: a role in Azure may come minutes after the relay. */
const RETRY_MS = 60_000;
/** The certificate that is served, and the one before: some connections were made with that. */
const CERTIFICATES = 2;

/** What it uses. */
export type AttesterParts = {
  readonly clock: Clock;
  readonly log: Logger;
  /** Gets the key. May fail, and is asked again where that was the store's fault. */
  readonly open: () => Promise<OpenedKey>;
};

/** The key, and where it is kept, for people. */
export type OpenedKey = { readonly key: OwnKey; readonly place: string };

/** The relay's word for its certificates, by its own key: signed once for each certificate. */
export class Attester {
  readonly #parts: AttesterParts;
  /** The latest first. */
  #fingerprints: readonly Uint8Array[] = [];
  #expiresAtMs = 0;
  #key: OwnKey | undefined;
  #attestation: string | undefined;
  #retry: Timer | undefined;
  #hasWarned = false;
  #isStopped = false;

  constructor(parts: AttesterParts) {
    this.#parts = parts;
  }

  /** Base64url; undefined while there is no key, or no certificate. @see protocol/attestation.ts */
  get attestation(): string | undefined {
    return this.#attestation;
  }

  /** Gets the key; where the store takes long it goes on behind this. @throws what `open` throws but StoreError */
  async start(): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const limit = this.#parts.clock.after(START_MS, resolve);
    await Promise.race([this.#load(), late]);
    limit.cancel();
  }

  /** From now on this certificate (PEM) is served. */
  serve(certificate: string): void {
    const facts = factsOf(certificate);
    if (facts === undefined) return;
    const fingerprint = Buffer.from(facts.fingerprint.replaceAll(":", ""), "hex");
    const others = this.#fingerprints.filter((known) => Buffer.compare(known, fingerprint) !== 0);
    this.#fingerprints = [fingerprint, ...others].slice(0, CERTIFICATES);
    this.#expiresAtMs = facts.expiresAtMs;
    this.#sign();
  }

  /** Asks the store no more. */
  stop(): void {
    this.#isStopped = true;
    this.#retry?.cancel();
  }

  async #load(): Promise<void> {
    const { clock, log, open } = this.#parts;
    try {
      const { key, place } = await open();
      this.#key = key;
      log.info({ publicKey: key.publicText, place }, "relay key");
      this.#sign();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      const { code, message: reason } = error;
      if (!this.#hasWarned) log.warn({ code, reason }, "no relay key yet: clients cannot tell interception by it");
      this.#hasWarned = true;
      if (!this.#isStopped) this.#retry = clock.after(RETRY_MS, () => void this.#load().catch(() => undefined));
    }
  }

  #sign(): void {
    const key = this.#key;
    if (key === undefined || this.#fingerprints.length === 0) return;
    const untilSeconds = Math.min(Math.floor(this.#expiresAtMs / 1000), MAX_UINT32);
    const signed = attestationToSign({
      publicKey: key.publicKey,
      untilSeconds,
      fingerprints: this.#fingerprints,
    });
    this.#attestation = Buffer.from(writeAttestation(signed, key.sign(signed))).toString("base64url");
  }
}
