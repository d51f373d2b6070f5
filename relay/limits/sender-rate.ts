import { type Rate, TokenBucket } from "./token-bucket.ts";

/** How much may come, in messages and in bytes; undefined is as much as there is. */
export type Rates = { readonly messages: Rate | undefined; readonly bytes: Rate | undefined };

/** Rates per second as options give them: 0 is as much as there is. A burst is what comes in this time. */
export function ratesOf(messagesPerSecond: number, bytesPerSecond: number, burstMs: number): Rates {
  return { messages: rateOf(messagesPerSecond, burstMs), bytes: rateOf(bytesPerSecond, burstMs) };
}

function rateOf(perSecond: number, burstMs: number): Rate | undefined {
  return perSecond === 0 ? undefined : { perSecond, burst: (perSecond * burstMs) / 1000 };
}

/** What one sender, or one topic, has left of its rates. */
export class SenderRate {
  readonly #messages: TokenBucket | undefined;
  readonly #bytes: TokenBucket | undefined;
  /** Kept, and not asked of both each time: this is asked once per message. */
  #isSpent = false;

  /** @param before what it had until now, under other rates: as full as that, this begins. */
  constructor({ messages, bytes }: Rates, nowMs: number, before?: SenderRate) {
    before?.fill(nowMs);
    const [messagesBefore, bytesBefore] = before === undefined ? [] : [before.#messages, before.#bytes];
    this.#messages = messages && new TokenBucket(messages, nowMs, messagesBefore?.fullness);
    this.#bytes = bytes && new TokenBucket(bytes, nowMs, bytesBefore?.fullness);
  }

  /** Adds what the time since the last call has brought. */
  fill(nowMs: number): void {
    const messages = this.#messages;
    const bytes = this.#bytes;
    messages?.fill(nowMs);
    bytes?.fill(nowMs);
    this.#isSpent = messages?.isSpent === true || bytes?.isSpent === true;
  }

  /** Counts one message. @returns whether nothing is left of one of the two. */
  tookMessage(): boolean {
    const messages = this.#messages;
    if (messages === undefined) return this.#isSpent;
    messages.take(1);
    if (messages.isSpent) this.#isSpent = true;
    return this.#isSpent;
  }

  /** Counts bytes. @returns whether nothing is left of one of the two. */
  tookBytes(byteCount: number): boolean {
    const bytes = this.#bytes;
    if (bytes === undefined) return this.#isSpent;
    bytes.take(byteCount);
    if (bytes.isSpent) this.#isSpent = true;
    return this.#isSpent;
  }

  /** How long after the last `fill` there is something left of both, in milliseconds; 0: there is. */
  get waitMs(): number {
    return Math.max(this.#messages?.waitMs ?? 0, this.#bytes?.waitMs ?? 0);
  }
}
