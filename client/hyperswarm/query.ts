import type HyperDHT from "hyperdht";

/** One answer to a query: up to 20 peers, as a node of the DHT gives them. */
export type Answer = { readonly peers: readonly HyperDHT.Peer[] };

/** A relay has no nodes; Hyperswarm withdraws an announcement only where a query has come to some. */
const NODES: readonly HyperDHT.Address[] = [{ host: "127.0.0.1", port: 1 }];

/** A look at who announces a topic, in the shape of hyperdht's queries. It runs at once, and settles when it is destroyed. */
export class Query implements HyperDHT.Query {
  readonly closestNodes: readonly HyperDHT.Address[] = NODES;
  readonly #abort = new AbortController();
  readonly #answers: Promise<readonly Answer[]>;

  /** @param run is given a signal that is aborted by `destroy`; what it rejects with then is nobody's. */
  constructor(run: (signal: AbortSignal) => Promise<readonly Answer[]>) {
    const { signal } = this.#abort;
    this.#answers = run(signal).catch((error: unknown) => {
      if (signal.aborted) return [];
      throw error;
    });
    // Nobody has to look.
    this.#answers.catch(() => undefined);
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Answer> {
    yield* await this.#answers;
  }

  async finished(): Promise<void> {
    await this.#answers;
  }

  destroy(): void {
    this.#abort.abort();
  }
}
