import { setImmediate } from "node:timers";
import type { Logger } from "pino";
import type { Clock, Timer } from "../clock.ts";
import { Counter } from "../counter.ts";
import { RelayError } from "../relay-error.ts";
import { Feed, type FeedReader } from "./feed.ts";
import type { Deposit, DepositOutcome, MailboxStore, Quota, StoreReading } from "./ports.ts";
import { SteadyTime } from "./steady-time.ts";
import { StoreError } from "./store-error.ts";

/** What one step of the expiry removes: a few milliseconds of work. */
const EXPIRY_STEP_COUNT = 500;
const CLEAR_STEP_COUNT = 500;

/** What becomes of what clients do with mailboxes: each word is a label of a metric. */
const events = [
  "deposited",
  "known",
  "mailbox-full",
  "store-full",
  "failed",
  "delivered",
  "deleted",
  "expired",
] as const;

/** One of the words above. */
export type MailboxEvent = (typeof events)[number];

/** How long a message is kept, and how much a mailbox may hold. */
export type MailboxOptions = {
  readonly mailboxTtlMs: number;
  readonly mailboxExpiryIntervalMs: number;
  readonly mailboxMaxMessagesPerMailbox: number;
  readonly mailboxMaxBytesPerMailbox: number;
};

/** A deposit as a dialect makes it. */
export type NewMessage = Pick<Deposit, "mailbox" | "id" | "data" | "note"> & {
  readonly rank?: number;
  readonly collapseKey?: string;
  /** Left out: as long as the relay keeps messages. Longer than that is not kept. */
  readonly expiresInMs?: number;
};

/** All mailboxes of a relay: its store, who reads which, and what is to be done with time. */
export class Mailboxes {
  readonly store: MailboxStore;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #options: MailboxOptions;
  readonly #time: SteadyTime;
  readonly #feeds = new Map<string, Set<Feed>>();
  readonly #counts = new Counter<MailboxEvent>(events);
  #timer: Timer | undefined;
  #isExpiring = false;
  #isOpen = false;

  constructor(
    { store, clock, log }: { readonly store: MailboxStore; readonly clock: Clock; readonly log: Logger },
    options: MailboxOptions,
  ) {
    this.store = store;
    this.#clock = clock;
    this.#log = log;
    this.#options = options;
    this.#time = new SteadyTime(clock);
  }

  get quota(): Quota {
    const { mailboxMaxMessagesPerMailbox: maxCount, mailboxMaxBytesPerMailbox: maxBytes } = this.#options;
    return { maxCount, maxBytes };
  }

  /** How long a message waits at most. */
  get ttlMs(): number {
    return this.#options.mailboxTtlMs;
  }

  /** Milliseconds since the epoch, as what expires is judged. */
  nowMs(): number {
    return this.#time.nowMs();
  }

  /** Opens the store. @throws RelayError MAILBOX_STORE_FAILED, with what an operator has to know. */
  async start(): Promise<void> {
    const { description, isLasting } = this.store;
    try {
      await this.store.open();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      throw new RelayError("MAILBOX_STORE_FAILED", `${description}: ${error.code}: ${error.message}`, { cause: error });
    }
    this.#isOpen = true;
    const { messageCount, messageBytes } = this.store.reading();
    this.#log.info({ store: description, isLasting, messageCount, messageBytes }, "mailbox store open");
    const { hazard } = this.store;
    if (hazard !== undefined) this.#log.warn({ hazard }, "what waits in mailboxes is on no disk of its own");
    this.#timer = this.#clock.every(this.#options.mailboxExpiryIntervalMs, () => void this.expire());
    void this.expire();
  }

  /** Finishes what was asked of the store, and closes it. */
  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#isOpen = false;
    await this.store.close();
  }

  /** Stores a message, and gives it to those who read its mailbox. @throws StoreError */
  async deposit(message: NewMessage): Promise<DepositOutcome> {
    const { mailboxTtlMs } = this.#options;
    const { rank = 0, collapseKey, expiresInMs = mailboxTtlMs, ...rest } = message;
    const depositedAtMs = this.nowMs();
    const expiresAtMs = depositedAtMs + Math.min(expiresInMs, mailboxTtlMs);
    try {
      const outcome = await this.store.deposit({
        ...rest,
        rank,
        collapseKey,
        depositedAtMs,
        expiresAtMs,
        quota: this.quota,
      });
      this.#counts.add(outcome.outcome === "stored" ? "deposited" : outcome.outcome);
      // Behind the answer to who deposited it: nobody shall hear of a delivery before. Who opens it now finds the message there.
      if (outcome.outcome === "stored" && this.#feeds.has(message.mailbox))
        setImmediate(() => this.#wake(message.mailbox));
      return outcome;
    } catch (error) {
      this.#counts.add("failed");
      throw error;
    }
  }

  /** Removes a message. @throws StoreError */
  async remove(which: Parameters<MailboxStore["remove"]>[0]): Promise<boolean> {
    const wasThere = await this.store.remove(which);
    if (wasThere) this.#counts.add("deleted");
    return wasThere;
  }

  /** Removes all of a mailbox, in steps. @returns how many. @throws StoreError */
  async clear(mailbox: string): Promise<number> {
    let total = 0;
    for (let removed = CLEAR_STEP_COUNT; removed === CLEAR_STEP_COUNT; total += removed)
      removed = await this.store.clear({ mailbox, maxCount: CLEAR_STEP_COUNT });
    this.#counts.add("deleted", total);
    return total;
  }

  /** Gives a reader what is in a mailbox, and what comes. The caller owes a `close`. */
  open(reader: FeedReader): Feed {
    const feed = new Feed(
      { store: this.store, nowMs: () => this.nowMs() },
      {
        ...reader,
        give: (message) => {
          this.#counts.add("delivered");
          return reader.give(message);
        },
      },
    );
    const feeds = this.#feeds.get(reader.mailbox) ?? new Set();
    this.#feeds.set(reader.mailbox, feeds.add(feed));
    feed.wake();
    return feed;
  }

  /** The reader has gone. Idempotent. */
  close(feed: Feed): void {
    feed.end();
    const feeds = this.#feeds.get(feed.mailbox);
    feeds?.delete(feed);
    if (feeds?.size === 0) this.#feeds.delete(feed.mailbox);
  }

  /** Removes what has expired, step by step: others are served in between. */
  async expire(): Promise<void> {
    if (this.#isExpiring) return;
    this.#isExpiring = true;
    const nowMs = this.nowMs();
    if (this.#time.isApart) this.#log.warn("the clock has jumped: it is not believed for a day");
    try {
      for (let removed = 1; removed > 0; ) {
        if (!this.#isOpen) return;
        const { messageCount, recordCount } = await this.store.expire({ nowMs, maxCount: EXPIRY_STEP_COUNT });
        removed = messageCount + recordCount;
        this.#counts.add("expired", messageCount);
      }
    } catch (error) {
      const code = error instanceof StoreError ? error.code : "unknown";
      this.#log.error({ code }, "expired messages could not be removed");
    } finally {
      this.#isExpiring = false;
    }
  }

  #wake(mailbox: string): void {
    for (const feed of this.#feeds.get(mailbox) ?? []) feed.wake();
  }

  /** How many mailboxes are read now. */
  get openCount(): number {
    return this.#feeds.size;
  }

  /** Messages stored and given, since the start. */
  get messageCount(): number {
    return this.#counts.of("deposited") + this.#counts.of("delivered");
  }

  counts(): Readonly<Record<MailboxEvent, number>> {
    return this.#counts.read();
  }

  reading(): StoreReading {
    return this.store.reading();
  }
}
