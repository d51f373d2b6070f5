import type { Clock, Timer } from "../clock.ts";
import type { SealedTopicName } from "../sealing/derivation.ts";
import type { StreamHandler } from "../streams/peer-stream.ts";
import type { SignAnnouncement } from "./announcements.ts";
import type { Connections } from "./connections.ts";
import type { KeyPair } from "./handshake.ts";
import { hexOf, Visit, type Way } from "./visit.ts";

/** What a rendezvous needs of others. */
export type RendezvousParts = {
  readonly clock: Clock;
  readonly sign: SignAnnouncement;
  readonly onStream: (rendezvous: Rendezvous) => StreamHandler;
  /** A key can be found that could not before. */
  readonly onFound: (rendezvous: Rendezvous, key: string) => void;
  /** Nobody wants it any more, and it has left. */
  readonly onOver: (rendezvous: Rendezvous) => void;
};

/**
 * Where peers find each other: one sealed topic, joined on every relay while somebody holds it. A connection holds it too, because
 * its stream goes through that topic.
 */
export class Rendezvous {
  readonly #parts: RendezvousParts;
  readonly #name: SealedTopicName;
  readonly #key: string;
  readonly #announced = new Map<string, KeyPair>();
  readonly #waiting = new Set<() => void>();
  #visits: readonly Visit[] = [];
  #holdCount = 0;
  #lease: Timer | undefined;

  constructor(name: SealedTopicName, key: string, parts: RendezvousParts) {
    this.#parts = parts;
    this.#name = name;
    this.#key = key;
  }

  /** Somebody looks for peers here, or has until lately. */
  get isLookedUp(): boolean {
    return this.#lease !== undefined;
  }

  get isJoined(): boolean {
    return this.#visits.some(({ isJoined }) => isJoined);
  }

  /** The keys that can be found, as hex, each once. */
  get keys(): ReadonlySet<string> {
    return new Set(this.#visits.flatMap(({ keys }) => [...keys]));
  }

  /** Goes to these relays, in place of those before. */
  visit(relays: readonly Connections[]): void {
    for (const visit of this.#visits) visit.stop();
    const { clock, sign, onStream, onFound } = this.#parts;
    this.#visits = relays.map(
      (connections) =>
        new Visit(this.#name, this.#key, {
          clock,
          connections,
          sign,
          onStream: onStream(this),
          onJoined: () => this.#changed(),
          onFound: (key) => {
            onFound(this, key);
            this.#changed();
          },
          onRefused: () => this.#changed(),
        }),
    );
    this.#show();
  }

  /** The ways to a key: those by relays that are reached first, and of them the shortest. */
  ways(key: string): readonly Way[] {
    return this.#visits
      .flatMap((visit) => visit.ways(key))
      .toSorted((one, other) => Number(other.isReached) - Number(one.isReached) || one.roundTripMs - other.roundTripMs);
  }

  /** Wants it from now on. @returns wants it no more. */
  hold(): () => void {
    let isHeld = true;
    this.#holdCount += 1;
    return () => {
      if (isHeld) this.#holdCount -= 1;
      isHeld = false;
      this.#endIfUnwanted();
    };
  }

  /** Holds it for a time, in place of an earlier such time. */
  holdFor(durationMs: number): void {
    this.#lease?.cancel();
    this.#lease = this.#parts.clock.after(durationMs, () => this.letGo());
  }

  /** Ends what `holdFor` has begun. */
  letGo(): void {
    this.#lease?.cancel();
    this.#lease = undefined;
    this.#endIfUnwanted();
  }

  /** Can be found under this key, and holds it until it is withdrawn. */
  announce(keyPair: KeyPair): void {
    const key = hexOf(keyPair.publicKey);
    if (this.#announced.has(key)) return;
    this.#announced.set(key, keyPair);
    this.#show();
  }

  withdraw(publicKey: Uint8Array): void {
    if (!this.#announced.delete(hexOf(publicKey))) return;
    this.#show();
    this.#endIfUnwanted();
  }

  /** Resolves when it holds, or the signal is aborted. Rejects when no relay is left to wait for: all have refused. */
  async until(holds: () => boolean, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && !holds()) {
      const refusals = this.#visits.map(({ refusal }) => refusal);
      if (refusals.length > 0 && !refusals.includes(undefined)) throw refusals[0];
      await new Promise<void>((resolve) => {
        const done = (): void => {
          this.#waiting.delete(done);
          signal.removeEventListener("abort", done);
          resolve();
        };
        this.#waiting.add(done);
        signal.addEventListener("abort", done, { once: true });
      });
    }
  }

  /** Leaves, whoever holds it. */
  stop(): void {
    this.#lease?.cancel();
    this.visit([]);
    this.#changed();
  }

  #show(): void {
    const keyPairs = [...this.#announced.values()];
    for (const visit of this.#visits) visit.show(keyPairs);
  }

  #changed(): void {
    for (const look of this.#waiting) look();
  }

  #endIfUnwanted(): void {
    if (this.#holdCount > 0 || this.#lease !== undefined || this.#announced.size > 0) return;
    this.stop();
    this.#parts.onOver(this);
  }
}
