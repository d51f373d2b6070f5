import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import { factsOf, type TlsMaterial } from "./material.ts";
import type { CertificateSource, CertificateStatus } from "./source.ts";

/** A source gives up an order within moments. One that does not may not hold up the end of the relay. */
const STOP_PATIENCE_MS = 2000;

/** What it uses. */
export type ServedCertificateParts = {
  readonly clock: Clock;
  readonly log: Logger;
  readonly source: CertificateSource;
};

/** The certificate that the relay serves at the moment: hands each new one on, and tells the log of it. */
export class ServedCertificate {
  readonly #parts: ServedCertificateParts;
  #material: TlsMaterial | undefined;
  #renew: (material: TlsMaterial) => void = () => undefined;

  constructor(parts: ServedCertificateParts) {
    this.#parts = parts;
  }

  /** Gives the first certificate. @throws RelayError where the source has none. */
  async start(): Promise<TlsMaterial> {
    const material = await this.#parts.source.start((next) => {
      this.#take(next);
      this.#renew(next);
    });
    this.#take(material);
    return material;
  }

  /** @param renew takes each certificate from the next on, while the relay runs. */
  onRenewal(renew: (material: TlsMaterial) => void): void {
    this.#renew = renew;
  }

  /** SHA-256 of what is served now; undefined before the start. */
  get fingerprint(): string | undefined {
    return this.#material && factsOf(this.#material.certificate)?.fingerprint;
  }

  status(): CertificateStatus {
    return this.#parts.source.status();
  }

  /** Ends the source, in bounded time whatever it has under way. */
  async stop(): Promise<void> {
    const { clock, source } = this.#parts;
    await new Promise<void>((resolve, reject) => {
      const limit = clock.after(STOP_PATIENCE_MS, resolve);
      source
        .stop()
        .finally(() => limit.cancel())
        .then(resolve, reject);
    });
  }

  #take(material: TlsMaterial): void {
    this.#material = material;
    const facts = factsOf(material.certificate);
    const { source, isStandIn } = this.status();
    const { names, issuer, fingerprint } = facts ?? {};
    const expiresAt = new Date(material.expiresAtMs).toISOString();
    this.#parts.log.info({ source, names, issuer, expiresAt, fingerprint, isStandIn }, "certificate");
  }
}
