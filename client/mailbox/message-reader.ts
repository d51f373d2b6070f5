import type { MailboxMessage, ReadOptions } from "./mailbox.ts";

type Result = IteratorResult<MailboxMessage, undefined>;

/** A call of `next` that waits. @property isLive it waits for what comes, too. */
type Waiting = { readonly isLive: boolean; readonly resolve: (result: Result) => void };

const END: Result = { done: true, value: undefined };

/** The messages of one mailbox on their way to the app's iterators, which share them. */
export class MessageReader {
  readonly #onTaken: (message: MailboxMessage) => void;
  #queue: MailboxMessage[] = [];
  #waiting: Waiting[] = [];
  /** All that waited at the relay is here, or was taken. */
  #isCurrent = false;
  #isOver = false;

  /** @param onTaken the app has it. */
  constructor(onTaken: (message: MailboxMessage) => void) {
    this.#onTaken = onTaken;
  }

  get isCurrent(): boolean {
    return this.#isCurrent;
  }

  push(message: MailboxMessage): void {
    if (this.#isOver) return;
    this.#queue.push(message);
    const [waiting] = this.#waiting.splice(0, 1);
    waiting?.resolve(this.#take() ?? END);
  }

  /** Nothing waits at the relay any more; or something may. */
  setCurrent({ isCurrent }: { readonly isCurrent: boolean }): void {
    this.#isCurrent = isCurrent;
    if (isCurrent) this.#endThose(({ isLive }) => !isLive);
  }

  /** No more come, and what is unread is let go: it waits at the relay. */
  finish(): void {
    this.#isOver = true;
    this.#queue = [];
    this.#endThose(() => true);
  }

  read({ signal, live = true }: ReadOptions): AsyncIterableIterator<MailboxMessage> {
    let isOver = false;
    const own = new Set<Waiting>();
    const end = (): Promise<Result> => {
      isOver = true;
      this.#endThose((waiting) => own.has(waiting));
      return Promise.resolve(END);
    };
    signal?.addEventListener("abort", () => void end(), { once: true });
    const iterator: AsyncIterableIterator<MailboxMessage> = {
      next: () => (isOver || signal?.aborted === true ? Promise.resolve(END) : this.#next(live, own)),
      return: end,
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  #next(isLive: boolean, own: Set<Waiting>): Promise<Result> {
    const result = this.#take();
    if (result !== undefined) return Promise.resolve(result);
    if (this.#isOver || (!isLive && this.#isCurrent)) return Promise.resolve(END);
    return new Promise((resolve) => {
      const waiting: Waiting = {
        isLive,
        resolve: (next) => {
          own.delete(waiting);
          resolve(next);
        },
      };
      own.add(waiting);
      this.#waiting.push(waiting);
    });
  }

  #take(): Result | undefined {
    const value = this.#queue.shift();
    if (value === undefined) return undefined;
    this.#onTaken(value);
    return { done: false, value };
  }

  #endThose(isMeant: (waiting: Waiting) => boolean): void {
    const ended = this.#waiting.filter(isMeant);
    this.#waiting = this.#waiting.filter((waiting) => !ended.includes(waiting));
    for (const { resolve } of ended) resolve(END);
  }
}
