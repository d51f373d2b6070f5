import { PosternError, TopicError } from "../errors.ts";
import type { Relay } from "../relay.ts";
import type { SealedTopicName } from "../sealing/derivation.ts";
import type { Topic } from "../topic.ts";

/** So many connections to one relay at most. With the usual limit of 100 topics for each that is 1,600 topics. */
const MAX_CONNECTIONS = 16;

/** A topic waits for its relay as long as it is wanted: about 24 days, what a timer takes. */
const FOR_EVER_MS = 2 ** 31 - 1;

/** All connections to one relay: a further one is opened where a topic finds no room on those before. */
export class Connections {
  readonly #open: () => Relay;
  readonly #onState: () => void;
  readonly #relays: Relay[] = [];
  /** Topics that are being left, by name: the relay takes one back only then. */
  readonly #leaving = new Map<string, Promise<void>>();
  #isClosed = false;

  /** @param open dials; it throws for an address that is none. @param onState a connection has come or gone. */
  constructor(open: () => Relay, onState: () => void) {
    this.#open = open;
    this.#onState = onState;
    this.#add();
  }

  /** At least one is up. */
  get isConnected(): boolean {
    return this.#relays.some(({ state }) => state === "connected");
  }

  /** Of the first one; infinite while it is not known. */
  get roundTripMs(): number {
    return this.#relays[0]?.info.roundTripMs ?? Number.POSITIVE_INFINITY;
  }

  /** Waits for the relay until the signal is aborted. @throws PosternError */
  async join(name: SealedTopicName, key: string, signal: AbortSignal): Promise<Topic> {
    await this.#leaving.get(key);
    for (let index = 0; ; index += 1) {
      if (this.#isClosed) throw new TopicError("closed");
      try {
        return await (this.#relays[index] ?? this.#add()).join(name, { signal, timeoutMs: FOR_EVER_MS });
      } catch (error) {
        const isFull = error instanceof PosternError && error.code === "too-many-topics";
        if (!isFull || index + 1 >= MAX_CONNECTIONS) throw error;
      }
    }
  }

  /** Leaves in the background. */
  leave(topic: Topic, key: string): void {
    const left = topic.leave();
    this.#leaving.set(key, left);
    void this.#forget(key, left);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#relays.map((relay) => relay.close()));
  }

  async #forget(key: string, left: Promise<void>): Promise<void> {
    await left;
    if (this.#leaving.get(key) === left) this.#leaving.delete(key);
  }

  #add(): Relay {
    const relay = this.#open();
    relay.on("state", this.#onState);
    this.#relays.push(relay);
    return relay;
  }
}
