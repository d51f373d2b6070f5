import type HyperDHT from "hyperdht";

/** One answer to a query: up to 20 peers, as a node of the DHT gives them. */
export type Answer = { readonly peers: readonly HyperDHT.Peer[] };

/** A relay has no nodes; Hyperswarm withdraws an announcement only where a query has come to some. */
export const NODES: readonly HyperDHT.Address[] = [{ host: "127.0.0.1", port: 1 }];

/** A look at who announces a topic, in the shape of hyperdht's queries. It runs at once, and settles when it is destroyed. */
export class Query implements HyperDHT.Query {
  readonly #abort = new AbortController();
  readonly #answers: Promise<readonly Answer[]>;
  readonly #direct: HyperDHT.Query | undefined;

  /**
   * @param run is given a signal that is aborted by `destroy`; what it rejects with then is nobody's.
   * @param direct runs in the DHT at the same time.
   */
  constructor(run: (signal: AbortSignal) => Promise<readonly Answer[]>, direct?: HyperDHT.Query) {
    const { signal } = this.#abort;
    this.#direct = direct;
    this.#answers = run(signal).catch((error: unknown) => {
      if (signal.aborted) return [];
      throw error;
    });
    // Nobody has to look.
    this.#answers.catch(() => undefined);
  }

  /** Where Hyperswarm withdraws an announcement. */
  get closestNodes(): readonly HyperDHT.Address[] {
    const nodes = this.#direct?.closestNodes ?? [];
    return nodes.length > 0 ? nodes : NODES;
  }

  [Symbol.asyncIterator](): AsyncIterator<Answer> {
    const sources = [this.#relayed(), ...(this.#direct === undefined ? [] : [this.#direct[Symbol.asyncIterator]()])];
    return merged(sources);
  }

  /** Rejects where no relay was reached, and there is no DHT. */
  async finished(): Promise<void> {
    await (this.#direct === undefined ? this.#answers : Promise.allSettled([this.#answers, this.#direct.finished()]));
  }

  destroy(): void {
    this.#abort.abort();
    this.#direct?.destroy();
  }

  async *#relayed(): AsyncGenerator<Answer, void> {
    yield* await this.#answers;
  }
}

type Step = { readonly source: AsyncIterator<Answer>; readonly result: IteratorResult<Answer> | undefined };

/** What several sources give, as it comes. @throws what the last one has failed with, where all have */
async function* merged(sources: readonly AsyncIterator<Answer>[]): AsyncGenerator<Answer, void> {
  const failures: unknown[] = [];
  const step = async (source: AsyncIterator<Answer>): Promise<Step> => {
    try {
      return { source, result: await source.next() };
    } catch (error) {
      failures.push(error);
      return { source, result: undefined };
    }
  };
  const steps = new Map(sources.map((source) => [source, step(source)]));
  while (steps.size > 0) {
    const { source, result } = await Promise.race(steps.values());
    if (result === undefined || result.done === true) steps.delete(source);
    else {
      steps.set(source, step(source));
      yield result.value;
    }
  }
  if (failures.length === sources.length) throw failures.at(-1);
}
