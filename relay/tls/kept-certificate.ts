import type { Config } from "../config/options.ts";
import { RelayError } from "../relay-error.ts";
import type { AttemptsEntry } from "./acme/entries.ts";
import { AcmeRecords } from "./acme/records.ts";
import { renewalAtMs } from "./acme/schedule.ts";
import { acmeDirectoryUrl, createStore } from "./create-source.ts";
import type { CertificateStatus } from "./source.ts";
import { type CertificateStore, StoreError } from "./store/ports.ts";

/** What the store knows of one certificate and of the attempts to renew it. */
export type Kept = {
  readonly status: CertificateStatus;
  /** SHA-256; undefined where none is kept that could be served now. */
  readonly fingerprint: string | undefined;
  /** An operator asked for a renewal at this time, and no relay has taken the request; milliseconds since the epoch. */
  readonly requestedAtMs: number | undefined;
};

/** The certificate of an authority as the store has it, for those who have no relay to ask. */
export class KeptCertificate {
  readonly #store: CertificateStore;
  readonly #records: AcmeRecords;
  readonly #names: readonly string[];

  constructor(store: CertificateStore, options: { readonly directoryUrl: string; readonly names: readonly string[] }) {
    this.#store = store;
    this.#records = new AcmeRecords(store, options);
    this.#names = options.names;
  }

  /** @throws RelayError CERTIFICATE_STORE_FAILED */
  async read(nowMs: number): Promise<Kept> {
    const [held, attempts] = await orFail(
      Promise.all([this.#records.loadCertificate(nowMs), this.#records.loadAttempts()]),
    );
    // The relay asks the authority too, which may want another time.
    const renewalMs = held === undefined ? undefined : renewalAtMs(held.facts, undefined, held.jitter);
    const { facts } = held ?? {};
    const status: CertificateStatus = {
      source: "acme",
      names: facts?.names ?? this.#names,
      issuer: facts?.issuer ?? "",
      notBeforeMs: facts?.notBeforeMs ?? 0,
      expiresAtMs: facts?.expiresAtMs ?? 0,
      isStandIn: held === undefined,
      store: this.#store.description,
      nextAttemptAtMs: nextAttemptAtMs(attempts, renewalMs),
      lastSuccessAtMs: attempts.lastSuccessAtMs,
      lastErrorCode: attempts.lastErrorCode,
      consecutiveFailures: attempts.consecutiveFailures,
    };
    return { status, fingerprint: facts?.fingerprint, requestedAtMs: attempts.requestedAtMs };
  }

  /**
   * Asks whichever relay uses this store for a renewal. The last failure is forgotten, so that the next one shows.
   * @throws RelayError CERTIFICATE_STORE_FAILED
   */
  async request(nowMs: number): Promise<void> {
    await orFail(
      this.#records.changeAttempts((known) => ({ ...known, requestedAtMs: nowMs, lastErrorCode: undefined })),
    );
  }
}

/** The certificate that the options name. @throws RelayError CERTIFICATE_STORE_FAILED */
export async function openKeptCertificate(config: Config): Promise<KeptCertificate> {
  const options = { directoryUrl: acmeDirectoryUrl(config), names: config.domain };
  return new KeptCertificate(await createStore(config), options);
}

/** Undefined where neither a certificate nor a failure sets a time: a relay orders as soon as it runs. */
function nextAttemptAtMs({ notBeforeMs }: AttemptsEntry, renewalMs: number | undefined): number | undefined {
  return renewalMs === undefined && notBeforeMs === 0 ? undefined : Math.max(renewalMs ?? 0, notBeforeMs);
}

async function orFail<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    throw new RelayError(
      "CERTIFICATE_STORE_FAILED",
      `${error.message} (${error.code}). Run this as the user of the relay, with the same options.`,
      { cause: error },
    );
  }
}
