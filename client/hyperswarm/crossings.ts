import type NoiseSecretStream from "@hyperswarm/secret-stream";
import { once } from "#events";
import { hexOf } from "./visit.ts";

/** Two keys: the own one, and that of the other side. */
export type Pair = { readonly own: Uint8Array; readonly remote: Uint8Array };

type Dial = { readonly connection: NoiseSecretStream; isSent: boolean };

/**
 * Lets two swarms that dial each other at the same moment end up with one connection, before either tells its app of one: the dial
 * of the larger key counts, as it does for Hyperswarm.
 *
 * Who has the larger key refuses while its own dial is under way, and waits with its own while it accepts. Who has the smaller one
 * accepts, and gives its own up.
 */
export class Crossings {
  readonly #dials = new Map<string, Dial>();
  readonly #accepting = new Map<string, Promise<void>>();

  /** A swarm dials: until the connection is open, or has ended. */
  add(pair: Pair, connection: NoiseSecretStream): void {
    const word = wordOf(pair);
    const dial = { connection, isSent: false };
    this.#dials.set(word, dial);
    const forget = (): void => {
      if (this.#dials.get(word) === dial) this.#dials.delete(word);
    };
    connection.on("open", forget);
    connection.on("close", forget);
  }

  /** Resolves when a dial of this pair may be sent, and it counts as sent. Resolves at once for what is no swarm's. */
  async turnOf(pair: Pair, connection: NoiseSecretStream): Promise<void> {
    const word = wordOf(pair);
    if (this.#dials.get(word)?.connection !== connection) return;
    for (let other = this.#accepting.get(word); other !== undefined; other = this.#accepting.get(word)) await other;
    const dial = this.#dials.get(word);
    if (dial?.connection === connection) dial.isSent = true;
  }

  /** The dial has been refused, and is not under way for now. */
  notSent(pair: Pair): void {
    const dial = this.#dials.get(wordOf(pair));
    if (dial !== undefined) dial.isSent = false;
  }

  /** Whether a dial of the other side is turned away: it has to give way to the own one. */
  mustWait(pair: Pair): boolean {
    return this.#dials.get(wordOf(pair))?.isSent === true && compareKeys(pair.own, pair.remote) > 0;
  }

  /** Accepts a dial of the other side. @returns tells when that is over */
  accepting(pair: Pair): () => void {
    const word = wordOf(pair);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#accepting.set(word, promise);
    return () => {
      if (this.#accepting.get(word) === promise) this.#accepting.delete(word);
      resolve();
    };
  }

  /** Whether there is a dial of one's own that has to be given up before the other side's can count. */
  isDialling(pair: Pair): boolean {
    return this.#dials.has(wordOf(pair));
  }

  /** Gives the own dial of the pair up, and resolves when it has ended. A swarm may dial again at once: look again. */
  async giveUp(pair: Pair): Promise<void> {
    const connection = this.#dials.get(wordOf(pair))?.connection;
    if (connection === undefined) return;
    const closed = once(connection, "close");
    connection.destroy();
    await closed;
  }
}

function wordOf({ own, remote }: Pair): string {
  return `${hexOf(own)} ${hexOf(remote)}`;
}

/** Which of two keys is larger, as Hyperswarm sees it: above 0, the first one. */
export function compareKeys(one: Uint8Array, other: Uint8Array): number {
  const at = one.findIndex((byte, index) => byte !== other[index]);
  return at < 0 ? 0 : (one[at] ?? 0) - (other[at] ?? 0);
}
