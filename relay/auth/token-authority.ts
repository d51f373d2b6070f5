import type { IncomingHttpHeaders } from "node:http";
import type { Logger } from "pino";
import type { Clock, Timer } from "../clock.ts";
import type { AccessRefusal } from "../session/ports.ts";
import type { Grant } from "./grant.ts";
import type { Admission, Authority, AuthorityCounts } from "./ports.ts";
import { presentedToken } from "./presented-token.ts";
import { refusalCounter, refusalStatus } from "./refusals.ts";
import type { Revocations } from "./revocations.ts";
import { type AccessDesk, TokenAccess } from "./token-access.ts";
import type { TokenVerifier } from "./token-verifier.ts";

/** The end of a grant is exact to this. */
const EXPIRY_CHECK_MS = 1000;

/** The keys as the authority sees them: they come with the start, and with a reload. */
export type Keys = {
  /** @throws RelayError AUTH_UNUSABLE */
  readonly start: () => Promise<void>;
  /** @throws RelayError AUTH_UNUSABLE; what was there stays. */
  readonly load: () => Promise<void>;
  readonly stop: () => void;
  readonly counts: () => { readonly keyFetches: number; readonly keyFetchFailures: number };
};

/** What checks tokens, and where its keys come from. */
export type TokenChecks = { readonly keys: Keys; readonly verifier: TokenVerifier };

/** What it uses. */
export type TokenAuthorityParts = {
  readonly clock: Clock;
  readonly log: Logger;
  readonly prepare: () => Promise<TokenChecks>;
  readonly revocations: Revocations;
};

/** What tunes it. */
export type TokenAuthorityOptions = {
  /** 0: as many as there may be in all. A token may name a lower number. */
  readonly maxConnectionsPerSubject: number;
  readonly maxTokenChecksInFlight: number;
  readonly authClockToleranceMs: number;
};

/**
 * Lets in who presents a token that grants something, and knows all connections that have a grant: they end when it
 * expires or is revoked. In doubt it lets nobody in.
 */
export class TokenAuthority implements Authority, AccessDesk {
  readonly #parts: TokenAuthorityParts;
  readonly #options: TokenAuthorityOptions;
  readonly #granted = new Set<TokenAccess>();
  readonly #connectionsBySubject = new Map<string, number>();
  readonly #counts = {
    granted: 0,
    renewed: 0,
    expired: 0,
    revoked: 0,
    checksInFlight: 0,
  };
  readonly #refused = refusalCounter();
  /** No grant ends before this moment. */
  #nextExpiryMs = Number.POSITIVE_INFINITY;
  #timer: Timer | undefined;
  #reloading: Promise<void> = Promise.resolve();
  /** Undefined before the start: then nobody is let in. */
  #checks: TokenChecks | undefined;

  constructor(parts: TokenAuthorityParts, options: TokenAuthorityOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  async start(): Promise<void> {
    await this.#parts.revocations.load();
    this.#checks = await this.#parts.prepare();
    await this.#checks.keys.start();
    this.#timer = this.#parts.clock.every(EXPIRY_CHECK_MS, () => this.#endExpired());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#checks?.keys.stop();
  }

  admit(headers: IncomingHttpHeaders): Admission | Promise<Admission> {
    const presented = presentedToken(headers);
    // It may present a token as its first message, and learns nothing before.
    if (presented === undefined) return { access: new TokenAccess(this) };
    if (presented === "ambiguous") {
      this.refused("malformed");
      return { refusal: "malformed", status: 401 };
    }
    return this.#admitBy(presented.token);
  }

  async #admitBy(token: string): Promise<Admission> {
    const access = new TokenAccess(this);
    const presented = await access.present(token);
    if (presented.outcome === "granted") return { access };
    return { refusal: presented.refusal, status: refusalStatus(presented.refusal) };
  }

  /** One after the other: an older list must not come to stand over a newer one. */
  reload(): Promise<void> {
    this.#reloading = this.#reloading.then(() => this.#reload());
    return this.#reloading;
  }

  async #reload(): Promise<void> {
    const { revocations, log } = this.#parts;
    // Each by itself: a mistake in one file must not keep a revocation in the other from counting.
    await this.#tryTo(() => revocations.load());
    // Before the keys, which may be far away and slow.
    const ended = this.#endRevoked();
    await this.#tryTo(() => this.#checks?.keys.load());
    log.info({ revocations: revocations.count, ended }, "access read again");
  }

  async #tryTo(load: () => Promise<void> | undefined): Promise<void> {
    try {
      await load();
    } catch (error) {
      const reason = error instanceof Error ? error.message : "unknown";
      this.#parts.log.error({ reason }, "access cannot be read again: what was read before stays");
    }
  }

  /** @returns how many connections were ended. */
  #endRevoked(): number {
    const before = this.#counts.revoked;
    for (const access of this.#granted) {
      if (access.grant === undefined || !this.#parts.revocations.isRevoked(access.grant)) continue;
      this.#counts.revoked += 1;
      access.end("revoked");
    }
    return this.#counts.revoked - before;
  }

  counts(): AuthorityCounts {
    return {
      refused: this.#refused.read(),
      ...this.#counts,
      ...(this.#checks?.keys.counts() ?? { keyFetches: 0, keyFetchFailures: 0 }),
      subjects: this.#connectionsBySubject.size,
    };
  }

  async check(token: string): Promise<Grant | AccessRefusal> {
    // A signature is some CPU, and an unknown key a wait: neither may pile up.
    if (this.#counts.checksInFlight >= this.#options.maxTokenChecksInFlight) return this.refused("too-many-checks");
    if (this.#checks === undefined) return this.refused("keys-unavailable");
    this.#counts.checksInFlight += 1;
    const verified = await this.#checks.verifier.verify(token);
    this.#counts.checksInFlight -= 1;
    return "refusal" in verified ? this.refused(verified.refusal) : verified;
  }

  take(access: TokenAccess, grant: Grant, before: Grant | undefined): AccessRefusal | undefined {
    if (this.#parts.revocations.isRevoked(grant)) return this.refused("revoked");
    if (before === undefined) {
      const count = this.#connectionsBySubject.get(grant.subject) ?? 0;
      if (count >= this.#maxConnectionsOf(grant)) return this.refused("too-many-connections");
      this.#connectionsBySubject.set(grant.subject, count + 1);
      this.#granted.add(access);
      this.#counts.granted += 1;
    } else this.#counts.renewed += 1;
    this.#nextExpiryMs = Math.min(this.#nextExpiryMs, this.#endOf(grant));
    return undefined;
  }

  refused(refusal: AccessRefusal): AccessRefusal {
    this.#refused.add(refusal);
    return refusal;
  }

  denied(): void {
    this.#refused.add("missing");
  }

  forget(access: TokenAccess, grant: Grant | undefined): void {
    if (grant === undefined || !this.#granted.delete(access)) return;
    const count = this.#connectionsBySubject.get(grant.subject) ?? 1;
    if (count > 1) this.#connectionsBySubject.set(grant.subject, count - 1);
    else this.#connectionsBySubject.delete(grant.subject);
  }

  #maxConnectionsOf({ maxConnections = Number.POSITIVE_INFINITY }: Grant): number {
    const { maxConnectionsPerSubject } = this.#options;
    return Math.min(maxConnections, maxConnectionsPerSubject === 0 ? maxConnections : maxConnectionsPerSubject);
  }

  /** A token that was taken within the tolerance of the clocks must not end at once. */
  #endOf({ expiresAtMs = Number.POSITIVE_INFINITY }: Grant): number {
    return expiresAtMs + this.#options.authClockToleranceMs;
  }

  #endExpired(): void {
    const nowMs = this.#parts.clock.epochMs();
    if (nowMs < this.#nextExpiryMs) return;
    this.#nextExpiryMs = Number.POSITIVE_INFINITY;
    for (const access of this.#granted) {
      if (access.grant === undefined) continue;
      const endMs = this.#endOf(access.grant);
      if (endMs > nowMs) this.#nextExpiryMs = Math.min(this.#nextExpiryMs, endMs);
      else {
        this.#counts.expired += 1;
        access.end("expired");
      }
    }
  }
}
