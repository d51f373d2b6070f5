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
  /** The order that is under way: when it was begun, and what was known before it. */
  #begun: { readonly atMs: number; readonly before: AttemptsEntry } | undefined;
  /** Failures in a row that came before anything was ordered, since the start: no restart has to wait for them. */
  #unplacedCount = 0;
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
   * @param endsAtMs when the certificate that is held ends; undefined where none is.
   * @throws StoreError: then nothing may be ordered.
   */
  async begin(endsAtMs?: number): Promise<void> {
    const atMs = this.#nowMs;
    const before = this.#attempts;
    const failedOrders = before.failedOrders + 1;
    const delayMs = this.#delayMs({ count: failedOrders, isPlaced: true, retryAfterMs: undefined }, endsAtMs);
    const begun: AttemptsEntry = {
      ...before,
      orderedAtMs: [...before.orderedAtMs, atMs],
      consecutiveFailures: before.consecutiveFailures + 1,
      failedOrders,
      notBeforeMs: atMs + delayMs,
    };
    await this.#save(begun);
    this.#begun = { atMs, before };
    this.#attempts = begun;
    this.#unplacedCount = 0;
  }

  /** The CA did not take the order that was begun: it does not count. */
  withdraw(): void {
    if (this.#begun === undefined) return;
    this.#withdrawnAtMs.add(this.#begun.atMs);
    this.#attempts = this.#merged(this.#attempts, this.#attempts);
  }

  /**
   * The relay stops in the middle of an order. That is no failure, and the next start need not wait for it; the order stays
   * counted. Does nothing where no order is under way.
   * @throws StoreError: then the next start takes it for a crash.
   */
  async abandon(): Promise<void> {
    if (this.#begun === undefined) return;
    const { consecutiveFailures, failedOrders, notBeforeMs } = this.#begun.before;
    this.#begun = undefined;
    this.#isRequested = false;
    this.#attempts = { ...this.#attempts, consecutiveFailures, failedOrders, notBeforeMs };
    await this.save();
  }

  /**
   * Knows from now on what the failure holds back, and writes it down.
   * @param endsAtMs when the certificate that is held ends; undefined where none is.
   * @throws StoreError
   */
  async fail({ code, retryAfterMs }: AcmeError, endsAtMs?: number): Promise<void> {
    const wasBegun = this.#begun !== undefined;
    const heldBackBeforeMs = this.heldBackUntilMs;
    this.#begun = undefined;
    this.#isRequested = false;
    if (code === "budget-spent") {
      // No failure: nothing was tried.
      this.#attempts = { ...this.#attempts, notBeforeMs: this.#nowMs + (retryAfterMs ?? 0), lastErrorCode: code };
      return this.save();
    }
    if (!wasBegun) this.#unplacedCount += 1;
    const { consecutiveFailures, failedOrders } = this.#attempts;
    const count = wasBegun ? failedOrders : this.#unplacedCount;
    const isPlaced = wasBegun || code === "rate-limited";
    const notBeforeMs = this.#nowMs + this.#delayMs({ count, isPlaced, retryAfterMs }, endsAtMs);
    this.#attempts = {
      ...this.#attempts,
      // One that was begun is counted already.
      consecutiveFailures: wasBegun ? consecutiveFailures : consecutiveFailures + 1,
      notBeforeMs: Math.max(notBeforeMs, wasBegun ? 0 : heldBackBeforeMs),
      lastErrorCode: code,
    };
    // Before an order a failure has cost the CA nothing: it is to be seen, and holds back no further start.
    await this.#save(wasBegun ? this.#attempts : { ...this.#attempts, notBeforeMs: heldBackBeforeMs });
  }

  /** Nothing is held back any more; `save` writes it down. */
  succeed(): void {
    this.#begun = undefined;
    this.#unplacedCount = 0;
    this.#isRequested = false;
    this.#attempts = {
      ...this.#attempts,
      consecutiveFailures: 0,
      failedOrders: 0,
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

  #delayMs(failure: Omit<Failure, "leftMs">, endsAtMs: number | undefined): number {
    const leftMs = endsAtMs === undefined ? 0 : endsAtMs - this.#nowMs;
    return failureDelayMs({ ...failure, leftMs }, this.#parts.random(), this.#parts.pace);
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
