import type { Clock, Timer } from "../clock.ts";
import type { TlsMaterial } from "./material.ts";
import { createSelfSigned } from "./self-signed.ts";
import type { CertificateSource, CertificateStatus } from "./source.ts";

const DAY_MS = 86_400_000;
const LIFETIME_DAYS = 365;
/** A third of its life before its end, as with certificates of an authority. */
const RENEW_BEFORE_END_MS = (LIFETIME_DAYS * DAY_MS) / 3;
/**
 * Looking is free. One timer for the whole time would be longer than timers may be, and miss a calendar that jumps: a
 * machine without a battery for its clock starts in the past, and learns the time minutes later.
 */
const LOOK_INTERVAL_MS = 60_000;
/** For clients whose clock is behind. */
const NOT_BEFORE_MS = 60_000;

/** What the source uses. `create` makes a certificate and takes a tenth of a second; tests share one that is made already. */
export type SelfSignedParts = { readonly clock: Clock; readonly create?: typeof createSelfSigned };

/** What tunes it: the names and addresses that the certificate is for. */
export type SelfSignedSourceOptions = { readonly names: readonly string[] };

/** Makes certificates that nobody knows: for development. Each start has a new one, and it renews itself. */
export class SelfSignedSource implements CertificateSource {
  readonly #clock: Clock;
  readonly #create: typeof createSelfSigned;
  readonly #names: readonly string[];
  #madeAtMs = 0;
  #expiresAtMs = 0;
  #timer: Timer | undefined;

  constructor({ clock, create = createSelfSigned }: SelfSignedParts, { names }: SelfSignedSourceOptions) {
    this.#clock = clock;
    this.#create = create;
    this.#names = [...new Set(names)];
  }

  async start(onChange: (material: TlsMaterial) => void): Promise<TlsMaterial> {
    this.#timer = this.#clock.every(LOOK_INTERVAL_MS, () => {
      if (!this.#isInTime()) onChange(this.#make());
    });
    return this.#make();
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
  }

  status(): CertificateStatus {
    return {
      source: "self-signed",
      names: this.#names,
      issuer: this.#names[0] ?? "localhost",
      notBeforeMs: this.#madeAtMs - NOT_BEFORE_MS,
      expiresAtMs: this.#expiresAtMs,
      isStandIn: false,
      store: undefined,
      nextAttemptAtMs: this.#renewAtMs,
      lastSuccessAtMs: this.#madeAtMs,
      lastErrorCode: undefined,
      consecutiveFailures: 0,
    };
  }

  /** Not before its beginning either: a calendar may be set back. */
  #isInTime(): boolean {
    const nowMs = this.#clock.epochMs();
    return nowMs >= this.#madeAtMs - NOT_BEFORE_MS && nowMs < this.#renewAtMs;
  }

  get #renewAtMs(): number {
    return this.#expiresAtMs - RENEW_BEFORE_END_MS;
  }

  #make(): TlsMaterial {
    this.#madeAtMs = this.#clock.epochMs();
    const material = this.#create({
      names: this.#names,
      notBefore: new Date(this.#madeAtMs - NOT_BEFORE_MS),
      lifetimeDays: LIFETIME_DAYS,
    });
    this.#expiresAtMs = material.expiresAtMs;
    return material;
  }
}
