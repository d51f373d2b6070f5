import type { Clock } from "../clock.ts";
import type { SealedTopicName } from "../sealing/derivation.ts";
import type { Secret } from "../sealing/secret.ts";
import type { StreamHandler } from "../streams/peer-stream.ts";
import type { SignAnnouncement } from "./announcements.ts";
import type { Connections } from "./connections.ts";
import { Rendezvous } from "./rendezvous.ts";
import { hexOf, type Way } from "./visit.ts";

/** What the meeting places need of others. */
export type MeetingPlacesParts = {
  readonly clock: Clock;
  readonly sign: SignAnnouncement;
  readonly secret: Secret | undefined;
  readonly onStream: (rendezvous: Rendezvous) => StreamHandler;
  /** Where somebody looks for peers, a key can be found that could not before. */
  readonly onFound: () => void;
};

/** All the rendezvous of one end: one for each swarm topic, and one for each key that is reached without a topic. */
export class MeetingPlaces {
  readonly #parts: MeetingPlacesParts;
  readonly #places = new Map<string, Rendezvous>();
  #relays: readonly Connections[] = [];

  constructor(parts: MeetingPlacesParts) {
    this.#parts = parts;
  }

  /** Goes to these relays, in place of those before; to none: everything is left, and what is wanted stays known. */
  visit(relays: readonly Connections[]): void {
    this.#relays = relays;
    for (const place of this.#places.values()) place.visit(relays);
  }

  /** Where a swarm topic meets. Held by who asks, or it is left soon. @param topic 32 bytes */
  ofTopic(topic: Uint8Array): Rendezvous {
    return this.#at("topic", topic);
  }

  /** Where who listens under a key can be reached by who knows nothing but the key. */
  ofKey(publicKey: Uint8Array): Rendezvous {
    return this.#at("key", publicKey);
  }

  /** Nobody looks in a topic any more, and this key cannot be found there. Nothing where it is not joined. */
  leaveTopic(topic: Uint8Array, publicKey: Uint8Array): void {
    const place = this.#places.get(wordOf("topic", topic));
    place?.withdraw(publicKey);
    place?.letGo();
  }

  /** A key cannot be found in a topic any more. Nothing where it is not joined. */
  withdraw(topic: Uint8Array, publicKey: Uint8Array): void {
    this.#places.get(wordOf("topic", topic))?.withdraw(publicKey);
  }

  /** Nobody reaches this key any more who knows nothing else. */
  withdrawKey(publicKey: Uint8Array): void {
    this.#places.get(wordOf("key", publicKey))?.withdraw(publicKey);
  }

  /** A place where this key can be found now, with the ways to it. */
  find(key: string): { readonly place: Rendezvous; readonly ways: readonly Way[] } | undefined {
    for (const place of this.#places.values()) {
      const ways = place.ways(key);
      if (ways.length > 0) return { place, ways };
    }
    return undefined;
  }

  /** Leaves all. */
  clear(): void {
    for (const place of this.#places.values()) place.stop();
    this.#places.clear();
  }

  #at(kind: "topic" | "key", bytes: Uint8Array): Rendezvous {
    const key = wordOf(kind, bytes);
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    const { clock, sign, secret, onStream, onFound } = this.#parts;
    const name: SealedTopicName =
      secret === undefined ? { secret: bytes, name: `hyperswarm ${kind}` } : { secret, name: `hyperswarm ${key}` };
    const place = new Rendezvous(name, key, {
      clock,
      sign,
      onStream,
      onFound: ({ isLookedUp }) => {
        if (isLookedUp) onFound();
      },
      onOver: (over) => {
        if (this.#places.get(key) === over) this.#places.delete(key);
      },
    });
    this.#places.set(key, place);
    place.visit(this.#relays);
    return place;
  }
}

function wordOf(kind: "topic" | "key", bytes: Uint8Array): string {
  return `${kind} ${hexOf(bytes)}`;
}
