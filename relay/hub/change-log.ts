/** That something has changed, and how manieth change it was. */
type Change<T> = { readonly number: number; readonly item: T };

/** Room for changes that others have followed, before it is cleared of them. */
const SPARE = 32;

/**
 * Who has changed, in the order of their last changes: of many changes of one, the last alone. Whoever knows all changes up
 * to a number learns the rest from there, so nothing is kept for those who are behind.
 */
export class ChangeLog<T> {
  /** By rising numbers; also those that others have followed. */
  #changes: Change<T>[] = [];
  /** The number of the last change of each. */
  readonly #numbers = new Map<T, number>();
  #last = 0;

  /** The number of the last change; 0 before the first. */
  get last(): number {
    return this.#last;
  }

  /** Something has changed. */
  add(item: T): void {
    this.#last += 1;
    this.#numbers.set(item, this.#last);
    this.#changes.push({ number: this.#last, item });
    if (this.#changes.length > 2 * this.#numbers.size + SPARE) {
      this.#changes = this.#changes.filter((change) => this.#isLast(change));
    }
  }

  /** It is gone: nobody is to learn of its changes any more. */
  remove(item: T): void {
    this.#numbers.delete(item);
  }

  /** What has changed behind this number, oldest first. */
  *after(number: number): Iterable<Change<T>> {
    const changes = this.#changes;
    for (let at = this.#placeAfter(number); at < changes.length; at += 1) {
      const change = changes[at];
      if (change !== undefined && this.#isLast(change)) yield change;
    }
  }

  #isLast({ number, item }: Change<T>): boolean {
    return this.#numbers.get(item) === number;
  }

  /** Where the changes behind this number begin. */
  #placeAfter(number: number): number {
    let from = 0;
    let to = this.#changes.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      if ((this.#changes[middle]?.number ?? 0) > number) to = middle;
      else from = middle + 1;
    }
    return from;
  }
}
