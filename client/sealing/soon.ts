/** A value that is here where the platform computes at once (Node), and comes later where it does not (WebCrypto). */
export type Soon<T> = T | Promise<T>;

/** Goes on with a value: at once where it is here. */
export function whenHere<T, Result>(value: Soon<T>, use: (value: T) => Soon<Result>): Soon<Result> {
  return value instanceof Promise ? value.then(use) : use(value);
}

/** Uses values in the order in which they were put in, whenever each comes: at once where it is here and none is before it. */
export class InOrder {
  #last: Promise<void> = Promise.resolve();
  #count = 0;

  /** Nothing waits. */
  get isIdle(): boolean {
    return this.#count === 0;
  }

  /** @param use must not throw. A value that fails is passed over. */
  add<T>(value: Soon<T>, use: (value: T) => void): void {
    if (this.#count === 0 && !(value instanceof Promise)) return use(value);
    this.#count += 1;
    this.#last = this.#useAfter(this.#last, value, use);
  }

  async #useAfter<T>(before: Promise<void>, value: Soon<T>, use: (value: T) => void): Promise<void> {
    const [outcome] = await Promise.allSettled([value, before]);
    this.#count -= 1;
    if (outcome.status === "fulfilled") use(outcome.value);
  }

  /** Resolves when all that was put in so far was used. */
  async settled(): Promise<void> {
    await this.#last;
  }
}
