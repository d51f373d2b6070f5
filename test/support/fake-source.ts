import type { TlsMaterial } from "../../relay/tls/material.ts";
import { createSelfSigned } from "../../relay/tls/self-signed.ts";
import type { CertificateSource, CertificateStatus } from "../../relay/tls/source.ts";

/** A source that gives what a test tells it to, when it tells it to. */
export class FakeSource implements CertificateSource {
  isStopped = false;
  /** What becomes of a stop. */
  stopping: Promise<void> = Promise.resolve();
  readonly #nowMs: number;
  #status: CertificateStatus;
  #onChange: ((material: TlsMaterial) => void) | undefined;

  constructor(nowMs: number) {
    this.#nowMs = nowMs;
    this.#status = {
      source: "acme",
      names: ["localhost"],
      issuer: "localhost",
      notBeforeMs: nowMs,
      expiresAtMs: nowMs,
      isStandIn: true,
      store: undefined,
      nextAttemptAtMs: undefined,
      lastSuccessAtMs: undefined,
      lastErrorCode: undefined,
      consecutiveFailures: 0,
    };
  }

  async start(onChange: (material: TlsMaterial) => void): Promise<TlsMaterial> {
    this.#onChange = onChange;
    return this.#make();
  }

  /** Gives another certificate. */
  give(status: Partial<CertificateStatus>): TlsMaterial {
    this.#status = { ...this.#status, ...status };
    const material = this.#make();
    this.#onChange?.(material);
    return material;
  }

  stop(): Promise<void> {
    this.isStopped = true;
    return this.stopping;
  }

  status(): CertificateStatus {
    return this.#status;
  }

  #make(): TlsMaterial {
    const notBefore = new Date(this.#nowMs - 60_000);
    const material = createSelfSigned({ names: ["localhost", "127.0.0.1"], notBefore, lifetimeDays: 1 });
    this.#status = { ...this.#status, expiresAtMs: material.expiresAtMs };
    return material;
  }
}
