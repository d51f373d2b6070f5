import type { Logger } from "pino";
import type { Clock } from "../../clock.ts";
import { RelayError } from "../../relay-error.ts";
import type { AlpnChallenges } from "../alpn-challenges.ts";
import { type CertificateFacts, factsOf, issuersOf, refusalSentences, type TlsMaterial } from "../material.ts";
import { createSelfSigned } from "../self-signed.ts";
import type { CertificateErrorCode, CertificateSource, CertificateStatus } from "../source.ts";
import { type CertificateStore, StoreError } from "../store/ports.ts";
import { AcmeError, ProblemError, toAcmeError } from "./acme-error.ts";
import { certificateId } from "./ari.ts";
import { answerByHttp, answerByTls } from "./challenges.ts";
import { HttpChallengeResponder } from "./http-challenge.ts";
import { OrderLedger } from "./ledger.ts";
import type { AcmeOptions } from "./options.ts";
import { AcmeRecords, type Held, readHeld } from "./records.ts";
import { RenewalAdvice } from "./renewal-advice.ts";
import { DEFAULT_PACE, type Pace, renewalAtMs, storeDelayMs } from "./schedule.ts";
import { wait, withTimeout } from "./wait.ts";

const DAY_MS = 86_400_000;
/** A stop does not wait longer for a slow store. */
const STOP_PATIENCE_MS = 2000;
/** Nobody checks how long a stand-in lives; it ends when the first order succeeds. */
const STAND_IN_DAYS = 365;

/** What an ACME source uses. */
export type AcmeParts = {
  readonly clock: Clock;
  readonly log: Logger;
  readonly store: CertificateStore;
  readonly challenges: AlpnChallenges;
  /** 0..1, as Math.random: for jitter. */
  readonly random?: () => number;
  /** Makes the stand-in, which takes a tenth of a second; tests share one that is made already. */
  readonly createStandIn?: typeof createSelfSigned;
};

/** A failure of the store; gone as soon as it answers again. */
type StoreTrouble = { readonly code: CertificateErrorCode; readonly count: number; readonly retryAtMs: number };

/**
 * Certificates from an authority by ACME (RFC 8555): orders them, keeps them, and renews them in time. A certificate that is
 * kept is served at once and nothing is ordered; without one a stand-in serves while the first order runs. Whatever fails,
 * the last good certificate stays, and the next attempt has a time.
 */
export class AcmeSource implements CertificateSource {
  readonly #parts: AcmeParts;
  readonly #options: AcmeOptions;
  readonly #pace: Pace;
  readonly #records: AcmeRecords;
  readonly #ledger: OrderLedger;
  readonly #responder: HttpChallengeResponder | undefined;
  readonly #renewalAdvice: RenewalAdvice;
  readonly #random: () => number;
  readonly #stopping = new AbortController();
  #onChange: (material: TlsMaterial) => void = () => undefined;
  #work: Promise<void> = Promise.resolve();
  #startedAtMs: number;
  /** When the attempt that is under way became due. */
  #underWaySinceMs: number | undefined;
  #held: Held | undefined;
  #standIn: { readonly material: TlsMaterial; readonly facts: CertificateFacts | undefined } | undefined;
  /** What the store has was read once. Until then nothing is ordered. */
  #isLoaded = false;
  /** The held certificate is not in the store yet. */
  #isUnkept = false;
  #storeTrouble: StoreTrouble | undefined;
  /** The failure that the log has last told of; undefined once all is well. */
  #loggedCode: CertificateErrorCode | undefined;

  constructor(parts: AcmeParts, options: AcmeOptions, pace: Pace = DEFAULT_PACE) {
    const { names, httpHost: host, httpPort: port } = options;
    const { clock, log, store, random = Math.random } = parts;
    this.#parts = parts;
    this.#options = options;
    this.#pace = pace;
    this.#random = random;
    this.#startedAtMs = clock.epochMs();
    this.#records = new AcmeRecords(store, options);
    this.#ledger = new OrderLedger({ clock, records: this.#records, pace, random });
    this.#renewalAdvice = new RenewalAdvice({ clock, log, signal: this.#stopping.signal }, options);
    this.#responder = port === 0 ? undefined : new HttpChallengeResponder({ host, port, names });
  }

  /** @throws RelayError where the port for HTTP-01 cannot be opened, or nothing is kept and nothing ever could be. */
  async start(onChange: (material: TlsMaterial) => void): Promise<TlsMaterial> {
    const { clock } = this.#parts;
    await this.#responder?.start();
    this.#startedAtMs = this.#nowMs;
    const loading = this.#tryToLoad();
    // A store may be slow at first, as one in a cloud is whose identity comes late. Then what it has is served later.
    const refusal = await Promise.race([loading, wait(clock, this.#pace.loadPatienceMs, this.#stopping.signal)]);
    if (refusal instanceof StoreError) {
      await this.stop();
      throw new RelayError("CERTIFICATE_UNUSABLE", `No certificate is kept, and none could be: ${refusal.message}.`);
    }
    const material = this.#held?.material ?? this.#makeStandIn();
    this.#onChange = onChange;
    clock.after(this.#pace.startDelayMs, () => {
      this.#work = loading.then(() => this.#run());
    });
    return material;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#work;
    await this.#responder?.stop();
  }

  status(): CertificateStatus {
    const facts = this.#held?.facts ?? this.#standIn?.facts;
    const { lastSuccessAtMs, lastErrorCode, consecutiveFailures } = this.#ledger.attempts;
    return {
      source: "acme",
      names: this.#options.names,
      issuer: facts?.issuer ?? "",
      notBeforeMs: facts?.notBeforeMs ?? 0,
      expiresAtMs: facts?.expiresAtMs ?? 0,
      isStandIn: this.#held === undefined,
      store: this.#parts.store.description,
      nextAttemptAtMs: this.#options.agreeTerms ? (this.#underWaySinceMs ?? this.#nextAttemptAtMs) : undefined,
      lastSuccessAtMs,
      lastErrorCode: this.#storeTrouble?.code ?? lastErrorCode,
      consecutiveFailures: this.#storeTrouble?.count ?? consecutiveFailures,
    };
  }

  get #nextAttemptAtMs(): number {
    return this.#storeTrouble?.retryAtMs ?? this.#dueAtMs;
  }

  get #dueAtMs(): number {
    const held = this.#held;
    const window = held && this.#renewalAdvice.windowFor(held);
    const wantedAtMs = held === undefined ? this.#startedAtMs : renewalAtMs(held.facts, window, held.jitter);
    return Math.max(wantedAtMs, this.#ledger.heldBackUntilMs);
  }

  get #isDue(): boolean {
    // Without a certificate the first order is due whatever the calendar says, which may have been set back since the start.
    const dueAtMs = this.#held === undefined ? this.#ledger.heldBackUntilMs : this.#dueAtMs;
    return this.#nowMs >= dueAtMs;
  }

  get #nowMs(): number {
    return this.#parts.clock.epochMs();
  }

  #makeStandIn(): TlsMaterial {
    const notBefore = new Date(this.#nowMs - DAY_MS);
    const { createStandIn = createSelfSigned } = this.#parts;
    const material = createStandIn({ names: this.#options.names, notBefore, lifetimeDays: STAND_IN_DAYS });
    this.#standIn = { material, facts: factsOf(material.certificate) };
    return material;
  }

  /** One thing after the other, until the source stops: nothing here runs twice at a time. */
  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await this.#turn();
      const untilNextMs = this.#nextAttemptAtMs - this.#nowMs;
      // Never longer than to the next look: timers do not notice that the calendar jumps.
      await wait(this.#parts.clock, Math.min(Math.max(untilNextMs, 1), this.#pace.lookEveryMs), signal);
    }
  }

  async #turn(): Promise<void> {
    if (this.#nowMs < (this.#storeTrouble?.retryAtMs ?? 0)) return;
    try {
      await this.#catchUp();
      await this.#lookForRequest();
      if (this.#ledger.isRequested || this.#isDue) await this.#attempt();
      else if (this.#held !== undefined) await this.#renewalAdvice.askFor(this.#held);
      // Only now: a store may let itself be read, and refuse what an attempt has to write.
      this.#storeTrouble = undefined;
      this.#logRecovery();
    } catch (error) {
      if (!this.#stopping.signal.aborted) this.#storeFailed(error);
    }
  }

  /** Does what the store did not let happen before. */
  async #catchUp(): Promise<void> {
    if (!this.#isLoaded) await this.#load();
    if (this.#isUnkept) await this.#keep();
  }

  /** @returns why the relay cannot start: it has no certificate, and no place for one. Every other trouble may pass. */
  async #tryToLoad(): Promise<StoreError | undefined> {
    try {
      await this.#load();
    } catch (error) {
      this.#storeFailed(error);
    }
    if (this.#held !== undefined || !this.#options.agreeTerms) return undefined;
    try {
      await this.#parts.store.prepare();
      return undefined;
    } catch (error) {
      return error instanceof StoreError && error.code === "store-denied" ? error : undefined;
    }
  }

  async #load(): Promise<void> {
    const kept = this.#held === undefined ? await this.#records.loadCertificate(this.#nowMs) : undefined;
    // Whatever becomes of the rest.
    if (kept !== undefined) this.#serve(kept);
    await this.#ledger.load();
    this.#isLoaded = true;
    this.#logEarlierFailure();
  }

  async #lookForRequest(): Promise<void> {
    const requestedAtMs = await this.#ledger.takeRequest();
    if (requestedAtMs === undefined) return;
    this.#parts.log.info({ requestedAt: new Date(requestedAtMs).toISOString() }, "certificate renewal requested");
  }

  /** @throws StoreError; every other failure ends here. */
  async #attempt(): Promise<void> {
    let held: Held;
    try {
      held = await this.#obtain();
    } catch (error) {
      if (this.#stopping.signal.aborted) await this.#abandon();
      if (error instanceof StoreError || this.#stopping.signal.aborted) throw error;
      await this.#failed(toAcmeError(error));
      return;
    }
    this.#isUnkept = true;
    this.#ledger.succeed();
    this.#serve(held);
    await this.#keep();
  }

  async #obtain(): Promise<Held> {
    this.#underWaySinceMs = Math.min(this.#dueAtMs, this.#nowMs);
    try {
      return (await this.#renewedElsewhere()) ?? (await this.#order());
    } finally {
      this.#underWaySinceMs = undefined;
    }
  }

  /** @throws StoreError, where the store is not slow to say so. */
  async #abandon(): Promise<void> {
    const { signal } = new AbortController();
    await Promise.race([this.#ledger.abandon(), wait(this.#parts.clock, STOP_PATIENCE_MS, signal)]);
  }

  /** Another relay with the same store may have been faster. */
  async #renewedElsewhere(): Promise<Held | undefined> {
    if (this.#ledger.isRequested) return undefined;
    const kept = await this.#records.loadCertificate(this.#nowMs);
    return kept !== undefined && kept.facts.expiresAtMs > (this.#held?.facts.expiresAtMs ?? 0) ? kept : undefined;
  }

  async #order(): Promise<Held> {
    await this.#checkPermission();
    const made = await withTimeout(this.#parts.clock, this.#pace.orderTimeoutMs, this.#stopping.signal, (signal) =>
      this.#placeAndFulfil(signal),
    );
    const held = readHeld(made, this.#random(), this.#nowMs);
    if (typeof held !== "string") {
      this.#checkChain(made.certificate);
      return held;
    }
    const code = held === "expired" || held === "not-yet-valid" ? "clock-wrong" : "ca-refused";
    throw new AcmeError(code, `What the CA signed cannot be served: ${refusalSentences[held]}.`);
  }

  async #checkPermission(): Promise<void> {
    if (!this.#options.agreeTerms) {
      throw new AcmeError("terms-not-agreed", "Without --acme-agree-terms no account is made and nothing is ordered.");
    }
    if (this.#ledger.isRequested) return;
    // One that has ended still tells how long they live.
    const validity = this.#held?.facts ?? (await this.#records.loadValidity());
    this.#ledger.checkBudget(validity && validity.expiresAtMs - validity.notBeforeMs);
  }

  async #placeAndFulfil(signal: AbortSignal): Promise<Pick<TlsMaterial, "key" | "certificate">> {
    // Loaded for the first order only: most starts find a kept certificate, and the library is large.
    const { OrderDesk } = await import("./desk.ts");
    const { clock, log, store, challenges } = this.#parts;
    const answers = this.#responder === undefined ? answerByTls(challenges, clock) : answerByHttp(this.#responder);
    const { names, preferredChain, profile } = this.#options;
    const desk = await OrderDesk.open({ clock, log, store, answers, pace: this.#pace, signal }, this.#options);
    const isReplacing = desk.directory.renewalInfoUrl !== undefined && this.#held !== undefined;
    const extras = {
      replaces: isReplacing && this.#held ? certificateId(this.#held.material.certificate) : undefined,
      profile: profile === "" ? undefined : profile,
    };
    await this.#ledger.begin(this.#held?.facts.expiresAtMs);
    const order = await desk.place({ names, extras }).catch((error: unknown) => {
      // A CA that failed itself may have taken it.
      if (error instanceof ProblemError && error.status < 500) this.#ledger.withdraw();
      throw error;
    });
    return order.fulfil(preferredChain);
  }

  /** A wish, and no reason to do without a certificate. */
  #checkChain(certificate: string): void {
    const { preferredChain } = this.#options;
    if (preferredChain === "" || issuersOf(certificate).includes(preferredChain)) return;
    this.#parts.log.warn({ preferredChain, issuers: issuersOf(certificate) }, "preferred chain not offered");
  }

  /** New connections get it from now on. */
  #serve(held: Held): void {
    this.#held = held;
    this.#standIn = undefined;
    this.#onChange(held.material);
  }

  /** @throws StoreError; the certificate is served all the same, and kept as soon as that works. */
  async #keep(): Promise<void> {
    if (this.#held !== undefined) await this.#records.saveCertificate(this.#held);
    this.#isUnkept = false;
    await this.#ledger.save();
  }

  async #failed(error: AcmeError): Promise<void> {
    try {
      await this.#ledger.fail(error, this.#held?.facts.expiresAtMs);
    } finally {
      this.#logFailure(error.code, error.message, this.#dueAtMs);
    }
  }

  #storeFailed(error: unknown): void {
    const { code, message } =
      error instanceof StoreError ? error : new StoreError("store-unreachable", `the store failed: ${String(error)}`);
    const count = (this.#storeTrouble?.count ?? 0) + 1;
    const retryAtMs = this.#nowMs + storeDelayMs(count, this.#pace);
    this.#storeTrouble = { code, count, retryAtMs };
    this.#logFailure(code, message, retryAtMs);
  }

  /** What went wrong before this start, and holds back the first order or shows in the status. */
  #logEarlierFailure(): void {
    const { lastErrorCode } = this.#ledger.attempts;
    if (lastErrorCode !== undefined) {
      this.#logFailure(lastErrorCode, "it failed before the relay was started again", this.#dueAtMs);
    } else if (this.#held === undefined && !this.#isDue) {
      const reason = "the relay ended in the middle of an order, without a stop";
      const nextAttemptAt = new Date(this.#dueAtMs).toISOString();
      this.#parts.log.warn({ reason, nextAttemptAt }, "no certificate, and the next order has to wait");
    }
  }

  /** Once for each change: a failure that goes on is no news. */
  #logFailure(code: CertificateErrorCode, reason: string, nextAttemptAtMs: number): void {
    if (code === this.#loggedCode) return;
    this.#loggedCode = code;
    // Only the operator can give the agreement.
    const nextAttemptAt = this.#options.agreeTerms ? new Date(nextAttemptAtMs).toISOString() : undefined;
    this.#parts.log.warn({ code, reason, nextAttemptAt }, "certificate attempt failed: what is served stays");
  }

  #logRecovery(): void {
    const { lastErrorCode } = this.#ledger.attempts;
    if (this.#loggedCode === undefined || lastErrorCode !== undefined) return;
    this.#parts.log.info({ after: this.#loggedCode }, "certificate attempts succeed again");
    this.#loggedCode = undefined;
  }
}
