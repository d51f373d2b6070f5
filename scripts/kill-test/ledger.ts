/** What became of the messages of a trial, over all receivers. Every message is owed to each member but its sender. */
export type Balance = {
  /** Deliveries that were owed: of all messages whose sender was not told that they were refused. */
  readonly owed: number;
  /** Of those: never came, and nobody was told. */
  readonly lostSilently: number;
  /** Of those: never came, and the receiver was told: so many, or that it has to fetch anew what it does not have. */
  readonly lostTold: number;
  /** Told as lost, by number, in excess of what never came. */
  readonly toldInVain: number;
  /** Came once more. */
  readonly doubled: number;
  /** Came for the first time behind a later one of the same sender. */
  readonly reordered: number;
  /** Came, and was never sent so: another sender's number, or other bytes. */
  readonly strange: number;
  /** Messages, not deliveries, whose publication failed, and the sender knows it. */
  readonly refused: number;
};

/** What a reception was. */
type Reception = "first" | "again" | "strange";

/** What one receiver has of one sender. */
type Pair = {
  /** By number, from 1. */
  readonly seqs: Set<number>;
  /** All up to here were received: they are not in `seqs`, which stays small. */
  through: number;
  highest: number;
};

/** Counts exactly: which of the messages that were sent reached whom, how often and in which order. Numbers begin at 1. */
export class Ledger {
  readonly memberCount: number;
  /** When each message was sent, by sender and number - 1. */
  readonly #sentAtMs: number[][];
  readonly #refused: Set<number>[];
  readonly #pairs: Pair[][];
  readonly #toldCounts: number[];
  readonly #resyncedAtMs: number[];
  #doubled = 0;
  #reordered = 0;
  #strange = 0;

  constructor(memberCount: number) {
    const each = <Item>(make: () => Item): Item[] => Array.from({ length: memberCount }, make);
    this.memberCount = memberCount;
    this.#sentAtMs = each(() => []);
    this.#refused = each(() => new Set<number>());
    this.#pairs = each(() => each(() => ({ seqs: new Set<number>(), through: 0, highest: 0 })));
    this.#toldCounts = each(() => 0);
    this.#resyncedAtMs = each(() => Number.NEGATIVE_INFINITY);
  }

  /** The number of each sender's last message. */
  get heads(): readonly number[] {
    return this.#sentAtMs.map(({ length }) => length);
  }

  /** @returns the number of the message that is about to be sent. */
  sent(sender: number, atMs: number): number {
    return this.#sentAtMs[sender]?.push(atMs) ?? 0;
  }

  /** The sender knows that this one was not sent: nobody is owed it. */
  refused(sender: number, seq: number): void {
    this.#refused[sender]?.add(seq);
  }

  /** A receiver got a message. */
  received(receiver: number, sender: number, seq: number): Reception {
    const pair = this.#pairs[receiver]?.[sender];
    if (pair === undefined || receiver === sender || seq < 1 || seq > (this.#sentAtMs[sender]?.length ?? 0)) {
      return this.strange();
    }
    if (isIn(pair, seq)) {
      this.#doubled += 1;
      return "again";
    }
    pair.seqs.add(seq);
    while (pair.seqs.delete(pair.through + 1)) pair.through += 1;
    if (seq < pair.highest) this.#reordered += 1;
    pair.highest = Math.max(pair.highest, seq);
    return "first";
  }

  /** A receiver got what nobody sent. */
  strange(): "strange" {
    this.#strange += 1;
    return "strange";
  }

  /**
   * A receiver was told of a loss.
   * @param count how many messages; undefined: that it has to fetch anew whatever was sent until now.
   */
  told(receiver: number, count: number | undefined, atMs: number): void {
    if (count === undefined) this.#resyncedAtMs[receiver] = atMs;
    else this.#toldCounts[receiver] = (this.#toldCounts[receiver] ?? 0) + count;
  }

  /** Whether a receiver has this message, or nobody is owed it. */
  isSettled(receiver: number, sender: number, seq: number): boolean {
    const pair = this.#pairs[receiver]?.[sender];
    return (
      receiver === sender || (pair !== undefined && isIn(pair, seq)) || (this.#refused[sender] ?? new Set()).has(seq)
    );
  }

  /** Whether everything that is owed has come. */
  get isComplete(): boolean {
    return this.#pairs.every((_, receiver) => this.#missingSentAtMs(receiver).length === 0);
  }

  /** What has become of all messages until now. */
  balance(): Balance {
    let [lostSilently, lostTold, toldInVain] = [0, 0, 0];
    for (const receiver of this.#pairs.keys()) {
      const missing = this.#missingSentAtMs(receiver);
      const resyncedAtMs = this.#resyncedAtMs[receiver] ?? Number.NEGATIVE_INFINITY;
      const toFetch = missing.filter((sentAtMs) => sentAtMs <= resyncedAtMs).length;
      const toldCount = this.#toldCounts[receiver] ?? 0;
      const counted = Math.min(toldCount, missing.length - toFetch);
      lostTold += toFetch + counted;
      lostSilently += missing.length - toFetch - counted;
      toldInVain += toldCount - counted;
    }
    const refused = this.#refused.reduce((sum, { size }) => sum + size, 0);
    const sentCount = this.#sentAtMs.reduce((sum, { length }) => sum + length, 0);
    const owed = (sentCount - refused) * (this.memberCount - 1);
    const came = { doubled: this.#doubled, reordered: this.#reordered, strange: this.#strange };
    return { owed, lostSilently, lostTold, toldInVain, ...came, refused };
  }

  /** When what this receiver is owed and does not have was sent. */
  #missingSentAtMs(receiver: number): readonly number[] {
    const missing: number[] = [];
    for (const [sender, sentAtMs] of this.#sentAtMs.entries()) {
      const pair = this.#pairs[receiver]?.[sender];
      if (sender === receiver || pair === undefined || pair.through === sentAtMs.length) continue;
      for (let seq = pair.through + 1; seq <= sentAtMs.length; seq += 1) {
        if (!this.isSettled(receiver, sender, seq)) missing.push(sentAtMs[seq - 1] ?? 0);
      }
    }
    return missing;
  }
}

function isIn({ through, seqs }: Pair, seq: number): boolean {
  return seq <= through || seqs.has(seq);
}
