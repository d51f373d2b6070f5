import { performance } from "node:perf_hooks";
import type { BesideDeposits } from "../workload.ts";
import type { Target } from "./connection.ts";
import { Depositor } from "./depositor.ts";
import { Histogram } from "./histogram.ts";

const TICK_MS = 2;
/** Fewer than this part of what was to be stored is another workload. */
const REACHED_PART = 0.97;
/** What may wait to be stored: a fifth of a second's deposits is more than any commit takes. */
const MAX_UNDER_WAY = 1000;

/** Deposits at a fixed rate, beside what is measured. */
export class DepositStream {
  readonly #workload: BesideDeposits;
  readonly #depositors: readonly Depositor[];
  #timer: NodeJS.Timeout | undefined;
  #failure: Error | undefined;
  #startMs = 0;
  #sentCount = 0;
  #storedCount = 0;

  constructor(target: Target, workload: BesideDeposits) {
    this.#workload = workload;
    const latency = new Histogram();
    this.#depositors = Array.from({ length: workload.connectionCount }, (_, index) => {
      const onStored = (): void => {
        this.#storedCount += 1;
      };
      const onFailure = (error: Error): void => {
        this.#failure ??= error;
      };
      const parts = { index, payloadBytes: workload.payloadBytes, latency, onStored, onFailure };
      return new Depositor({ target, sessionName: "v1-mailbox" }, parts);
    });
  }

  /** Connects, and deposits from then on. */
  async start(): Promise<void> {
    await Promise.all(this.#depositors.map(({ connection }) => connection.open()));
    this.#startMs = performance.now();
    this.#timer = setInterval(() => this.#sendWhatIsDue(), TICK_MS);
  }

  /** @throws Error where fewer were stored than were to be, or a connection has ended. */
  throwIfBehind(): void {
    if (this.#failure !== undefined) throw this.#failure;
    const seconds = (performance.now() - this.#startMs) / 1000;
    const perSecond = this.#storedCount / seconds;
    if (perSecond >= REACHED_PART * this.#workload.depositsPerSecond) return;
    throw new Error(`only ${Math.round(perSecond)} deposits/s were stored`);
  }

  close(): void {
    clearInterval(this.#timer);
    for (const { connection } of this.#depositors) connection.close();
  }

  #sendWhatIsDue(): void {
    const dueCount = ((performance.now() - this.#startMs) / 1000) * this.#workload.depositsPerSecond;
    while (this.#sentCount < dueCount && this.#sentCount - this.#storedCount < MAX_UNDER_WAY) {
      this.#depositors[this.#sentCount % this.#depositors.length]?.send();
      this.#sentCount += 1;
    }
  }
}
