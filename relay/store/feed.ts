import type { MailboxStore, Place, StoredMessage } from "./ports.ts";

/** What is read at once. What there is no room for is read again: nothing waits in memory for a reader that is slow. */
const PAGE_COUNT = 64;
const PAGE_BYTES = 262_144;

/** Who reads a mailbox. */
export type FeedReader = {
  readonly mailbox: string;
  /** Where it begins: behind this. */
  readonly after: Place;
  /** Takes one message. @returns false: it takes none after this one until `resume`. */
  readonly give: (message: StoredMessage) => boolean;
  /** All that was there has been given, the first time. */
  readonly caughtUp: () => void;
  /** The store has failed; nothing more comes until `resume`. */
  readonly failed: (error: unknown) => void;
};

/** Gives a reader what is in a mailbox, oldest first, and what comes later; as far as it has room. */
export class Feed {
  readonly #store: Pick<MailboxStore, "read">;
  readonly #nowMs: () => number;
  readonly #reader: FeedReader;
  #place: Place;
  #isReading = false;
  #isWoken = false;
  #hasRoom = true;
  #isCaughtUp = false;
  #isOver = false;

  constructor(
    { store, nowMs }: { readonly store: Pick<MailboxStore, "read">; readonly nowMs: () => number },
    reader: FeedReader,
  ) {
    this.#store = store;
    this.#nowMs = nowMs;
    this.#reader = reader;
    this.#place = reader.after;
  }

  get mailbox(): string {
    return this.#reader.mailbox;
  }

  /** Something may have come. */
  wake(): void {
    this.#isWoken = true;
    if (this.#isReading || !this.#hasRoom || this.#isOver) return;
    this.#isReading = true;
    void this.#read();
  }

  /** There is room again. */
  resume(): void {
    this.#hasRoom = true;
    this.wake();
  }

  /** Gives nothing more. */
  end(): void {
    this.#isOver = true;
  }

  async #read(): Promise<void> {
    try {
      while (this.#isWoken && this.#hasRoom && !this.#isOver) {
        this.#isWoken = false;
        const page = { maxCount: PAGE_COUNT, maxBytes: PAGE_BYTES };
        const after = this.#place;
        this.#give(await this.#store.read({ mailbox: this.mailbox, after, nowMs: this.#nowMs(), ...page }));
      }
    } catch (error) {
      this.#hasRoom = false;
      if (!this.#isOver) this.#reader.failed(error);
    } finally {
      this.#isReading = false;
    }
  }

  #give(messages: readonly StoredMessage[]): void {
    for (const message of messages) {
      if (this.#isOver || !this.#hasRoom) return;
      this.#place = { rank: message.rank, sequence: message.sequence };
      // Another page may follow.
      this.#isWoken = true;
      this.#hasRoom = this.#reader.give(message);
    }
    if (messages.length > 0 || this.#isCaughtUp || this.#isOver) return;
    this.#isCaughtUp = true;
    this.#reader.caughtUp();
  }
}
