import { utf8 } from "../data.ts";
import type { Sid } from "../delivery/ports.ts";
import type { Soon } from "../sealing/soon.ts";
import type { StreamEnds, StreamHalf, StreamSecrets } from "../stream-host.ts";
import type { Acquaintances } from "./acquaintances.ts";
import { joinBytes } from "./bytes.ts";
import { type AgreementKey, agree, newAgreementKey } from "./curves.ts";

/** The secret of a stream, and its key on the last connection that was asked for. */
type Direction = { readonly secret: Promise<unknown>; name: string; key: Soon<unknown> };

/** The secrets of the streams that there are now. When a stream has ended, nothing is left that could open it. */
export class SecretsOfStreams implements StreamSecrets {
  readonly #acquaintances: Acquaintances;
  readonly #halves = new WeakMap<StreamHalf, AgreementKey>();
  /** By the session of the peer, and the number under which the sender sends. */
  readonly #sending = new Map<string, Direction>();
  readonly #receiving = new Map<string, Direction>();

  constructor(acquaintances: Acquaintances) {
    this.#acquaintances = acquaintances;
  }

  covers(sid: Sid): boolean {
    return this.#acquaintances.get(sid) !== undefined;
  }

  async offer(): Promise<StreamHalf> {
    return this.take(await newAgreementKey());
  }

  /** The half of a key that is there already. */
  take(key: AgreementKey): StreamHalf {
    const half = { publicKey: key.publicKey };
    this.#halves.set(half, key);
    return half;
  }

  async agree({ sid, own, peers, isOpener }: StreamEnds, half: StreamHalf, peersKey: Uint8Array): Promise<boolean> {
    const keys = isOpener ? [half.publicKey, peersKey] : [peersKey, half.publicKey];
    const secret = this.#secretOf(sid, half, peersKey, joinBytes(...keys));
    // Who needs the key finds out that there is none.
    secret.catch(() => undefined);
    this.#sending.set(nameOf(sid, own), { secret, name: "", key: undefined });
    this.#receiving.set(nameOf(sid, peers), { secret, name: "", key: undefined });
    return secret.then(
      () => true,
      () => false,
    );
  }

  forget({ sid, own, peers }: Pick<StreamEnds, "sid" | "own" | "peers">): void {
    this.#sending.delete(nameOf(sid, own));
    this.#receiving.delete(nameOf(sid, peers));
  }

  /** By which this end seals a stream. @returns undefined: it has no key of its own */
  sendingKey(sid: Sid, stream: number, name: string): Soon<unknown> {
    return this.#keyOf(this.#sending.get(nameOf(sid, stream)), name);
  }

  /** By which a peer seals a stream. @returns undefined: none is known */
  receivingKey(sid: Sid, stream: number, name: string): Soon<unknown> {
    return this.#keyOf(this.#receiving.get(nameOf(sid, stream)), name);
  }

  async #secretOf(sid: Sid, half: StreamHalf, peersKey: Uint8Array, bound: Uint8Array): Promise<unknown> {
    const key = this.#halves.get(half);
    const acquaintance = this.#acquaintances.get(sid);
    const shared = key && (await agree(key, peersKey));
    this.#halves.delete(half);
    if (shared === undefined || acquaintance === undefined) throw new Error("no key");
    return this.#acquaintances.derived(shared, acquaintance.pair, "stream", bound);
  }

  /** Derived once for each connection: a name is new on each, so no key is used again. */
  #keyOf(direction: Direction | undefined, name: string): Soon<unknown> {
    if (direction === undefined || direction.name === name) return direction?.key;
    const { cryptography } = this.#acquaintances;
    direction.name = name;
    const key = direction.secret.then((secret) => cryptography.deriveKey(secret, utf8(name), utf8("stream")));
    direction.key = key;
    void keepWhenHere(direction, key);
    return key;
  }
}

/** What is here is given at once from then on. */
async function keepWhenHere(direction: Direction, key: Promise<unknown>): Promise<void> {
  const [outcome] = await Promise.allSettled([key]);
  if (outcome.status === "fulfilled" && direction.key === key) direction.key = outcome.value;
}

function nameOf(sid: Sid, stream: number): string {
  return `${sid} ${stream}`;
}
