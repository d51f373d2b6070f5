import { TokenBucket } from "../../limits/token-bucket.ts";

/** Ids that a rate is counted for at one time; a further one has a bucket for its connection alone. */
const MAX_BUCKETS = 65_536;
const MINUTE_SECONDS = 60;

/** How much one id may send in a minute; as much may come at once. */
export type MailboxRateOptions = {
  readonly mailboxMessagesPerMinute: number;
  readonly mailboxRecoveriesPerMinute: number;
};

/** The buckets of one id: all its connections share them. */
export type MailboxRate = {
  readonly messages: TokenBucket;
  readonly recoveries: TokenBucket;
};

/** The rates of all ids. One that is full again is forgotten: it says nothing. */
export class MailboxRates {
  readonly #options: MailboxRateOptions;
  readonly #byId = new Map<string, MailboxRate>();

  constructor(options: MailboxRateOptions) {
    this.#options = options;
  }

  /** Those of an id. @param nowMs on a monotonic clock, as below. */
  of(id: string, nowMs: number): MailboxRate {
    const known = this.#byId.get(id);
    if (known !== undefined) return known;
    const rate = {
      messages: bucketOf(this.#options.mailboxMessagesPerMinute, nowMs),
      recoveries: bucketOf(this.#options.mailboxRecoveriesPerMinute, nowMs),
    };
    if (this.#byId.size < MAX_BUCKETS) this.#byId.set(id, rate);
    return rate;
  }

  /** Forgets those that are full and that no connection has. To be called now and then. */
  lookAround(nowMs: number, isOpen: (id: string) => boolean): void {
    for (const [id, { messages, recoveries }] of this.#byId) {
      messages.fill(nowMs);
      recoveries.fill(nowMs);
      if (messages.fullness >= 1 && recoveries.fullness >= 1 && !isOpen(id)) this.#byId.delete(id);
    }
  }

  get count(): number {
    return this.#byId.size;
  }
}

function bucketOf(perMinute: number, nowMs: number): TokenBucket {
  return new TokenBucket({ perSecond: perMinute / MINUTE_SECONDS, burst: perMinute }, nowMs);
}
