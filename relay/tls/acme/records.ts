import { type CertificateFacts, factsOf, type MaterialRefusal, readMaterial, type TlsMaterial } from "../material.ts";
import { type CertificateStore, StoreError } from "../store/ports.ts";
import {
  type AttemptsEntry,
  type CertificateEntry,
  entryNames,
  entryText,
  NO_ATTEMPTS,
  readAttemptsEntry,
  readCertificateEntry,
} from "./entries.ts";
import type { Validity } from "./schedule.ts";

/** A CA whose clock is ahead by this much at most may sign what is valid in a moment. */
const CLOCK_TOLERANCE_MS = 5 * 60_000;

/** A certificate that was ordered, and can be served. */
export type Held = {
  readonly material: TlsMaterial;
  readonly facts: CertificateFacts;
  /** 0..1: where in its window it is renewed. */
  readonly jitter: number;
};

/** What the store knows of one certificate. All methods throw StoreError. */
export class AcmeRecords {
  readonly #store: CertificateStore;
  readonly #directoryUrl: string;
  readonly #names: readonly string[];
  readonly #entries: ReturnType<typeof entryNames>;

  constructor(store: CertificateStore, options: { readonly directoryUrl: string; readonly names: readonly string[] }) {
    this.#store = store;
    this.#directoryUrl = options.directoryUrl;
    this.#names = options.names;
    this.#entries = entryNames(options.directoryUrl, options.names);
  }

  /** @returns undefined where none is kept, or none that could be served now. */
  async loadCertificate(nowMs: number): Promise<Held | undefined> {
    const entry = await this.#loadCertificateEntry();
    const held = entry && readHeld(entry, entry.jitter, nowMs);
    return typeof held === "string" ? undefined : held;
  }

  /** From when until when the kept certificate is valid, or was; undefined where none is kept. */
  async loadValidity(): Promise<Validity | undefined> {
    const entry = await this.#loadCertificateEntry();
    return entry && factsOf(entry.certificate);
  }

  /** Keeps a certificate in the place of the one before. */
  async saveCertificate({ material, facts, jitter }: Held): Promise<void> {
    const { key, certificate } = material;
    const entry = { directoryUrl: this.#directoryUrl, names: this.#names, key, certificate, jitter };
    await this.#store.save(this.#entries.certificate, entryText(entry), { expiresAtMs: facts.expiresAtMs });
  }

  /** @returns what a first attempt has, where nothing is known. */
  async loadAttempts(): Promise<AttemptsEntry> {
    const text = await this.#load(this.#entries.attempts);
    return (text === undefined ? undefined : readAttemptsEntry(text)) ?? NO_ATTEMPTS;
  }

  /** Changes what is kept now, which an operator may have changed meanwhile. @returns what was written. */
  async changeAttempts(change: (known: AttemptsEntry) => AttemptsEntry): Promise<AttemptsEntry> {
    const next = change(await this.loadAttempts());
    await this.#store.save(this.#entries.attempts, entryText(next));
    return next;
  }

  /** Undefined where it is of another directory as well: it was copied there by hand. */
  async #loadCertificateEntry(): Promise<CertificateEntry | undefined> {
    const text = await this.#load(this.#entries.certificate);
    const entry = text === undefined ? undefined : readCertificateEntry(text);
    return entry?.directoryUrl === this.#directoryUrl ? entry : undefined;
  }

  /** What nobody can read is overwritten by the next save: waiting would not mend it. */
  async #load(entry: string): Promise<string | undefined> {
    try {
      return await this.#store.load(entry);
    } catch (error) {
      if (error instanceof StoreError && error.code === "store-corrupt") return undefined;
      throw error;
    }
  }
}

/** A key and its chain as something to hold; or why they cannot be served. */
export function readHeld(
  { key, certificate }: Pick<TlsMaterial, "key" | "certificate">,
  jitter: number,
  nowMs: number,
): Held | MaterialRefusal {
  const aheadMs = (factsOf(certificate)?.notBeforeMs ?? 0) - nowMs;
  const readAtMs = aheadMs > 0 && aheadMs <= CLOCK_TOLERANCE_MS ? nowMs + aheadMs : nowMs;
  const { refusal, material, facts } = readMaterial(key, certificate, readAtMs);
  return refusal === undefined ? { material, facts, jitter } : refusal;
}
