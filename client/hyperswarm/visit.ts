import type { Clock } from "../clock.ts";
import type { SealedTopicName } from "../sealing/derivation.ts";
import type { StreamHandler, Streams } from "../streams/peer-stream.ts";
import { streamsOf } from "../streams.ts";
import type { Peer, Topic } from "../topic.ts";
import { decodeAnnouncements, encodeAnnouncements, type SignAnnouncement } from "./announcements.ts";
import type { Connections } from "./connections.ts";
import type { KeyPair } from "./handshake.ts";
import { pause } from "./patiently.ts";

/** A relay that refuses the topic is asked again after so long: at first, and at most. */
const RETRY_MS = 1000;
const MAX_RETRY_MS = 60_000;

/** So many members are remembered for one key: further ones are passed over. */
const MAX_MEMBERS_OF_KEY = 8;

/** What a visit needs of others. */
export type VisitParts = {
  readonly clock: Clock;
  readonly connections: Connections;
  readonly sign: SignAnnouncement;
  readonly onStream: StreamHandler;
  /** The topic is joined, at first or again. */
  readonly onJoined: () => void;
  /** A key can be found that could not before. */
  readonly onFound: (key: string) => void;
  /** The relay refuses, and is asked again. */
  readonly onRefused: () => void;
};

/** A member that answers for a key, and the streams that lead there. @property isReached the relay of this way is. */
export type Way = {
  readonly streams: Streams;
  readonly peerId: string;
  readonly isReached: boolean;
  readonly roundTripMs: number;
};

/** One topic on one relay, for as long as it is wanted: who can be found there, and what is shown of oneself. */
export class Visit {
  readonly #parts: VisitParts;
  readonly #name: SealedTopicName;
  readonly #key: string;
  readonly #stop = new AbortController();
  /** Which keys a member answers for, as hex. */
  readonly #keysOf = new Map<string, ReadonlySet<string>>();
  readonly #membersOf = new Map<string, Set<string>>();
  #keyPairs: readonly KeyPair[] = [];
  #topic: Topic | undefined;
  #showing: Promise<void> = Promise.resolve();
  #refusal: unknown;

  /** @param key the name as one word, for this process. */
  constructor(name: SealedTopicName, key: string, parts: VisitParts) {
    this.#parts = parts;
    this.#name = name;
    this.#key = key;
    void this.#run();
  }

  get isJoined(): boolean {
    return this.#topic !== undefined;
  }

  /** Why the relay has refused at last; undefined: it has not, or is not reached. */
  get refusal(): unknown {
    return this.#refusal;
  }

  /** The keys that can be found, as hex. */
  get keys(): IterableIterator<string> {
    return this.#membersOf.keys();
  }

  ways(key: string): readonly Way[] {
    const topic = this.#topic;
    if (topic === undefined) return [];
    const { isConnected: isReached, roundTripMs } = this.#parts.connections;
    const streams = streamsOf(topic);
    return [...(this.#membersOf.get(key) ?? [])].map((peerId) => ({ streams, peerId, isReached, roundTripMs }));
  }

  /** Can be found under these keys from now on, and under no others. */
  show(keyPairs: readonly KeyPair[]): void {
    this.#keyPairs = keyPairs;
    this.#show();
  }

  /** Leaves in the background. */
  stop(): void {
    this.#stop.abort();
    if (this.#topic !== undefined) this.#parts.connections.leave(this.#topic, this.#key);
    this.#topic = undefined;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    let retryMs = RETRY_MS;
    while (!signal.aborted) {
      try {
        const topic = await this.#parts.connections.join(this.#name, this.#key, signal);
        if (signal.aborted) return this.#parts.connections.leave(topic, this.#key);
        retryMs = RETRY_MS;
        await this.#stay(topic);
      } catch (error) {
        if (signal.aborted) return;
        this.#refuse(error);
        await pause(this.#parts.clock, retryMs, signal);
        retryMs = Math.min(MAX_RETRY_MS, retryMs * 2);
      }
    }
  }

  /** Rejects when the relay ends the topic. */
  async #stay(topic: Topic): Promise<never> {
    const ended = new Promise<never>((_, reject) => topic.on("error", reject));
    this.#topic = topic;
    this.#refusal = undefined;
    streamsOf(topic).onStream(this.#parts.onStream);
    topic.on("leave", ({ id }) => this.#setKeys(id, []));
    const meet = ({ id, presence }: Peer): void =>
      this.#setKeys(id, decodeAnnouncements(presence, { topicName: topic.name, peerId: id }));
    topic.on("join", meet);
    topic.on("update", meet);
    for (const peer of topic.peers.values()) meet(peer);
    this.#show();
    this.#parts.onJoined();
    try {
      return await ended;
    } finally {
      this.#topic = undefined;
      for (const peerId of this.#keysOf.keys()) this.#setKeys(peerId, []);
    }
  }

  /** One after the other, so that the last one is what stays. */
  #show(): void {
    const before = this.#showing;
    this.#showing = this.#showAfter(before);
  }

  /** Never rejects. */
  async #showAfter(before: Promise<void>): Promise<void> {
    await before;
    const topic = this.#topic;
    if (topic === undefined) return;
    const place = { topicName: topic.name, peerId: topic.self.id };
    try {
      topic.setPresence(await encodeAnnouncements(this.#keyPairs, place, this.#parts.sign));
    } catch (error) {
      if (this.#topic === topic) this.#refuse(error);
    }
  }

  #refuse(error: unknown): void {
    this.#refusal = error;
    this.#parts.onRefused();
  }

  #setKeys(peerId: string, publicKeys: readonly Uint8Array[]): void {
    const before = this.#keysOf.get(peerId) ?? new Set();
    const now = new Set(publicKeys.map(hexOf));
    if (now.size === 0) this.#keysOf.delete(peerId);
    else this.#keysOf.set(peerId, now);
    for (const key of before) if (!now.has(key)) this.#forget(key, peerId);
    for (const key of now) if (!before.has(key)) this.#remember(key, peerId);
  }

  #remember(key: string, peerId: string): void {
    const members = this.#membersOf.get(key) ?? new Set();
    if (members.size >= MAX_MEMBERS_OF_KEY) return;
    this.#membersOf.set(key, members.add(peerId));
    this.#parts.onFound(key);
  }

  #forget(key: string, peerId: string): void {
    const members = this.#membersOf.get(key);
    members?.delete(peerId);
    if (members?.size === 0) this.#membersOf.delete(key);
  }
}

/** A key as a word to look it up by. */
export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
