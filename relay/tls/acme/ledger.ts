import type { Clock } from "../../clock.ts";
import { AcmeError } from "./acme-error.ts";
import { budgetAllowsAtMs, ordersOfTheWeek } from "./budget.ts";
import { type AttemptsEntry, NO_ATTEMPTS } from "./entries.ts";
import type { AcmeRecords } from "./records.ts";
import { type Failure, failureDelayMs, type Pace } from "./schedule.ts";

/** No failure holds back for longer than a week. A record that says so was written by a clock that was wrong. */
const MAX_HELD_BACK_MS = 8 * 86_400_000;

/** What a ledger uses. */
export type LedgerParts = {
  readonly clock: Clock;
  readonly records: AcmeRecords;
  readonly pace: Pace;
  /** 0..1 */
  readonly random: () => number;
};

/**
 * The attempts to get one certificate: what was ordered, what failed, and what that holds back. An order is written down
 * before it is placed, so that no crash forgets one. What fails before that costs the CA nothing, and a restart may try again.
 */
export class OrderLedger {
  readonly #parts: LedgerParts;
  #attempts: AttemptsEntry = NO_ATTEMPTS;
  /** The order that is under way: when it was begun, and how many failures there were before it. */
  #begun: { readonly atMs: number; readonly failureCount: number } | undefined;
  /** An operator's request was taken, and has not come to an end. */
  #isRequested = false;
  /** Orders that no CA took. */
  readonly #withdrawnAtMs = new Set<number>();

  constructor(parts: LedgerParts) {
    this.#parts = parts;
  }

  /** An operator wants a renewal now, whatever is held back. */
  get isRequested(): boolean {
    return this.#isRequested;
  }

  /** As far as this relay knows. */
  get attempts(): AttemptsEntry {
    return this.#attempts;
  }

  /** No attempt is made before, unless an operator asks; 0 where nothing holds it back. */
  get heldBackUntilMs(): number {
    const { notBeforeMs } = this.#attempts;
    return notBeforeMs - this.#nowMs < MAX_HELD_BACK_MS ? notBeforeMs : 0;
  }

  /** Reads what earlier runs wrote. @throws StoreError */
  async load(): Promise<void> {
    this.#attempts = await this.#parts.records.loadAttempts();
  }

  /** @returns when an operator asked for a renewal; undefined where nobody did since the last call. @throws StoreError */
  async takeRequest(): Promise<number | undefined> {
    const { requestedAtMs } = await this.#parts.records.loadAttempts();
    if (requestedAtMs === undefined) return undefined;
    await this.#parts.records.changeAttempts((known) => ({ ...known, requestedAtMs: undefined }));
    // Who asked looks for the code of the attempt that comes now, and not of one before.
    this.#attempts = { ...this.#attempts, lastErrorCode: undefined };
    this.#isRequested = true;
    return requestedAtMs;
  }

  /** @param lifetimeMs of the certificate that is held, if any. @throws AcmeError budget-spent */
  checkBudget(lifetimeMs: number | undefined): void {
    const allowedAtMs = budgetAllowsAtMs(this.#attempts.orderedAtMs, lifetimeMs, this.#nowMs);
    if (allowedAtMs <= this.#nowMs) return;
    throw new AcmeError(
      "budget-spent",
      "Three orders for these names were placed lately, and one more could spend the CA's limits. `postern cert renew --force` orders all the same.",
      { retryAfterMs: allowedAtMs - this.#nowMs },
    );
  }

  /**
   * Writes down that an order is about to be placed. Where the relay ends before the order does, that counts as a failure.
   * @throws StoreError: then nothing may be ordered.
   */
  async begin(): Promise<void> {
    const atMs = this.#nowMs;
    const before = this.#attempts;
    const failureCount = before.consecutiveFailures + 1;
    const begun: AttemptsEntry = {
      ...before,
      orderedAtMs: [...before.orderedAtMs, atMs],
      consecutiveFailures: failureCount,
      notBeforeMs: atMs + this.#delayMs({ count: failureCount, isPlaced: true, retryAfterMs: undefined }),
    };
    await this.#save(begun);
    this.#begun = { atMs, failureCount: before.consecutiveFailures };
    this.#attempts = begun;
  }

  /** The CA did not take the order that was begun: it does not count. */
  withdraw(): void {
    if (this.#begun === undefined) return;
    this.#withdrawnAtMs.add(this.#begun.atMs);
    this.#attempts = this.#merged(this.#attempts, this.#attempts);
  }

  /** Knows from now on what the failure holds back, and writes it down. @throws StoreError */
  async fail({ code, retryAfterMs }: AcmeError): Promise<void> {
    const before = this.#begun?.failureCount ?? this.#attempts.consecutiveFailures;
    const heldBackBeforeMs = this.#attempts.notBeforeMs;
    // Waiting for the budget is no failure: nothing was tried.
    const isTried = code !== "budget-spent";
    const failureCount = isTried ? before + 1 : before;
    const failure = { count: failureCount, isPlaced: this.#begun !== undefined, retryAfterMs };
    const delayMs = isTried ? this.#delayMs(failure) : (retryAfterMs ?? 0);
    this.#attempts = {
      ...this.#attempts,
      consecutiveFailures: failureCount,
      notBeforeMs: this.#nowMs + delayMs,
      lastErrorCode: code,
    };
    const wasBegun = this.#begun !== undefined;
    this.#begun = undefined;
    this.#isRequested = false;
    // Before an order a failure has cost the CA nothing: it is to be seen, and holds back no further start.
    const isHeldBack = wasBegun || !isTried;
    await this.#save(isHeldBack ? this.#attempts : { ...this.#attempts, notBeforeMs: heldBackBeforeMs });
  }

  /** Nothing is held back any more; `save` writes it down. */
  succeed(): void {
    this.#begun = undefined;
    this.#isRequested = false;
    this.#attempts = {
      ...this.#attempts,
      consecutiveFailures: 0,
      notBeforeMs: 0,
      lastSuccessAtMs: this.#nowMs,
      lastErrorCode: undefined,
    };
  }

  /** Writes down what is known. @throws StoreError */
  async save(): Promise<void> {
    await this.#save(this.#attempts);
  }

  get #nowMs(): number {
    return this.#parts.clock.epochMs();
  }

  #delayMs(failure: Failure): number {
    return failureDelayMs(failure, this.#parts.random(), this.#parts.pace);
  }

  async #save(attempts: AttemptsEntry): Promise<void> {
    await this.#parts.records.changeAttempts((kept) => this.#merged(attempts, kept));
  }

  /** An operator, and another relay for the same names, may have written since: their request and their orders stay. */
  #merged(attempts: AttemptsEntry, kept: AttemptsEntry): AttemptsEntry {
    const orders = [...new Set([...kept.orderedAtMs, ...attempts.orderedAtMs])].toSorted((a, b) => a - b);
    const counted = orders.filter((atMs) => !this.#withdrawnAtMs.has(atMs));
    return { ...attempts, orderedAtMs: ordersOfTheWeek(counted, this.#nowMs), requestedAtMs: kept.requestedAtMs };
  }
}
