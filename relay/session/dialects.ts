import type { Dialect, Opening, Route, TrafficReading } from "./ports.ts";

/** All dialects that are spoken here: whose a request may be, and what they count together. */
export class Dialects {
  readonly #all: readonly Dialect[];

  /** @param all in the order in which they are asked. */
  constructor(all: readonly Dialect[]) {
    this.#all = all;
  }

  /** Every kind of client of every dialect. */
  get clients(): readonly { readonly dialect: string; readonly client: string }[] {
    return this.#all.flatMap(({ name, clients }) => clients.map((client) => ({ dialect: name, client })));
  }

  /** Pages for plain HTTP. */
  get routes(): readonly Route[] {
    return this.#all.flatMap(({ routes }) => routes);
  }

  /**
   * Whose an upgrade request may be; empty: nobody's. Of several, the first whose `claimsFirst` takes the first message
   * has the conversation, or else the last one.
   */
  claiming(asked: Pick<Opening, "path" | "host">): readonly Dialect[] {
    return this.#all.filter((dialect) => dialect.claims(asked));
  }

  traffic(): readonly TrafficReading[] {
    return this.#all.flatMap((dialect) => dialect.traffic());
  }

  /** Messages that were not taken, by reason, of all dialects together. */
  rejected(): Readonly<Record<string, number>> {
    const sums: Record<string, number> = {};
    for (const dialect of this.#all) {
      for (const [reason, count] of Object.entries(dialect.rejected())) sums[reason] = (sums[reason] ?? 0) + count;
    }
    return sums;
  }
}
