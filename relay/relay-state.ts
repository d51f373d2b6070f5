import type { Clock } from "./clock.ts";
import type { Readiness, RelayFigures } from "./http/routes.ts";
import type { HubCounts } from "./hub/hub-counts.ts";
import type { Connections } from "./session/connections.ts";
import type { Dialects } from "./session/dialects.ts";
import type { CertificateStatus } from "./tls/source.ts";
import { VERSION } from "./version.ts";

/** What is asked of the hub. */
type CountingHub = { counts(): HubCounts };

/** What it asks for figures. */
type RelayStateParts = {
  readonly hub: CountingHub;
  readonly connections: Connections;
  readonly dialects: Pick<Dialects, "figures">;
};

/** How far the relay is in its life, and the figures it shows of itself. */
export class RelayState {
  readonly #clock: Clock;
  readonly #hub: CountingHub;
  readonly #connections: Connections;
  readonly #dialects: Pick<Dialects, "figures">;
  readonly #createdAtMs: number;
  #phase: "starting" | "running" | "draining" = "starting";
  #certificate: (() => CertificateStatus) | undefined;

  constructor(clock: Clock, { hub, connections, dialects }: RelayStateParts) {
    this.#clock = clock;
    this.#hub = hub;
    this.#connections = connections;
    this.#dialects = dialects;
    this.#createdAtMs = clock.monotonicMs();
  }

  /** The port is open. @param certificate undefined without TLS. */
  started(certificate: (() => CertificateStatus) | undefined): void {
    this.#phase = "running";
    this.#certificate = certificate;
  }

  draining(): void {
    this.#phase = "draining";
  }

  get isDraining(): boolean {
    return this.#phase === "draining";
  }

  /** What `/ready` says. */
  readiness(): Readiness {
    if (this.#phase !== "running") return this.#phase;
    const certificate = this.#certificate?.();
    if (certificate === undefined) return "ready";
    const isUsable = !certificate.isStandIn && this.#clock.epochMs() < certificate.expiresAtMs;
    return isUsable ? "ready" : "no-certificate";
  }

  figures(): RelayFigures {
    return {
      ...this.#hub.counts(),
      version: VERSION,
      uptimeSeconds: (this.#clock.monotonicMs() - this.#createdAtMs) / 1000,
      epochMs: this.#clock.epochMs(),
      connections: this.#connections.count,
      swept: this.#connections.sweptCount,
      certificate: this.#certificate?.(),
      dialects: this.#dialects.figures(),
    };
  }
}
