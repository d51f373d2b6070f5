/** Counts since the start, one for each word of a closed set: the words are labels of a metric. A new word is one line. */
export class Counter<Word extends string> {
  readonly #counts: Map<Word, number>;

  constructor(words: Iterable<Word>) {
    this.#counts = new Map([...words].map((word) => [word, 0]));
  }

  /** Adds to the count of one word. A word that is not of the set is a defect, and throws. */
  add(word: Word, count = 1): void {
    const before = this.#counts.get(word);
    if (before === undefined) throw new RangeError(`"${word}" is no word of this counter`);
    this.#counts.set(word, before + count);
  }

  of(word: Word): number {
    return this.#counts.get(word) ?? 0;
  }

  /** All counts, also those of words that never came. A copy. */
  read(): Readonly<Record<Word, number>> {
    const counts: Partial<Record<Word, number>> = {};
    for (const [word, count] of this.#counts) counts[word] = count;
    // Every word of the set was put in by the constructor.
    return counts as Record<Word, number>;
  }
}

/** The words of a table, as its keys are typed. */
export function wordsOf<Word extends string>(table: Readonly<Record<Word, unknown>>): readonly Word[] {
  return Object.keys(table) as Word[];
}
