import type { TopicRate, TurnTime } from "../hub/ports.ts";
import { type Rates, SenderRate } from "./sender-rate.ts";

/** Makes the rates of topics, and counts how often they made a sender wait. */
export class TopicRates {
  readonly #rates: Rates;
  readonly #time: TurnTime;
  #waitCount = 0;

  constructor(rates: Rates, time: TurnTime) {
    this.#rates = rates;
    this.#time = time;
  }

  /** How often a sender was made to wait since the start. */
  get waitCount(): number {
    return this.#waitCount;
  }

  /** For a new topic; undefined where topics may be published to as fast as messages come. */
  create(): TopicRate | undefined {
    const { messages, bytes } = this.#rates;
    if (messages === undefined && bytes === undefined) return undefined;
    const rate = new SenderRate(this.#rates, this.#time.nowMs);
    return { published: (byteLength) => this.#published(rate, byteLength) };
  }

  #published(rate: SenderRate, byteLength: number): number {
    rate.fill(this.#time.nowMs);
    rate.tookMessage();
    if (!rate.tookBytes(byteLength)) return 0;
    this.#waitCount += 1;
    return rate.waitMs;
  }
}
