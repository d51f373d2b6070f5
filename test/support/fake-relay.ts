import type { PosternError } from "../../client/errors.ts";
import type {
  ConnectOptions,
  JoinOptions,
  Relay,
  RelayEvents,
  RelayInfo,
  RelayState,
  RelayStatus,
} from "../../client/relay.ts";
import type { Data, Message, Peer, Topic, TopicEvents } from "../../client/topic.ts";

/** A peer of this name. */
export function peerOf(id: string, { isClassic = false }: Partial<Peer> = {}): Peer {
  return { id, isClassic };
}

/** Listeners by name of the event. */
class Listeners<Events> {
  readonly #listeners = new Map<keyof Events, Set<(event: never) => void>>();

  on<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void): () => void {
    const those = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, those.add(listener));
    return () => void those.delete(listener);
  }

  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    for (const listener of this.#listeners.get(name) ?? []) (listener as (event: Events[Name]) => void)(event);
  }
}

/** A topic in memory: it keeps what is done to it, and says what the test wants it to. */
export class FakeTopic implements Topic {
  readonly name: string;
  readonly self: Peer = peerOf("self");
  readonly peers: Map<string, Peer> = new Map();
  /** What was done, in order: `broadcast TEXT`, `flush`, `leave`. */
  readonly done: string[] = [];
  /** How many messages were asked for. */
  takenCount = 0;
  /** What the next `broadcast` rejects with. */
  broadcastError: PosternError | undefined;
  flushError: PosternError | undefined;
  /** What happens while a `flush` waits. */
  onFlush: () => void = () => undefined;
  /** Whether `leave` never answers. */
  isStuck = false;
  readonly #listeners = new Listeners<TopicEvents>();
  readonly #messages: Message[] = [];
  #wake = (): void => undefined;
  #hasLeft = false;

  constructor(name: string) {
    this.name = name;
  }

  /** A member says this. */
  says(from: Peer, data: Data): void {
    const bytes = Buffer.from(data);
    this.#messages.push({ peer: from, data: new Uint8Array(bytes), text: bytes.toString(), isDirect: false });
    this.#wake();
  }

  setPresence(): void {
    // Nobody else is here to see it.
  }

  emit<Name extends keyof TopicEvents>(name: Name, event: TopicEvents[Name]): void {
    this.#listeners.emit(name, event);
  }

  on<Name extends keyof TopicEvents>(name: Name, listener: (event: TopicEvents[Name]) => void): () => void {
    return this.#listeners.on(name, listener);
  }

  async broadcast(data: Data): Promise<void> {
    const error = this.broadcastError;
    this.broadcastError = undefined;
    if (error !== undefined) throw error;
    this.done.push(`broadcast ${Buffer.from(data).toString()}`);
  }

  async send(): Promise<void> {}

  async request(): Promise<Uint8Array> {
    return new Uint8Array();
  }

  onRequest(): () => void {
    return () => undefined;
  }

  async *messages(): AsyncIterableIterator<Message> {
    for (;;) {
      const message = this.#messages.shift();
      if (message !== undefined) {
        this.takenCount += 1;
        yield message;
      } else if (this.#hasLeft) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  async flush(): Promise<void> {
    this.done.push("flush");
    this.onFlush();
    if (this.flushError !== undefined) throw this.flushError;
  }

  async leave(): Promise<void> {
    this.done.push("leave");
    if (this.isStuck) await new Promise(() => undefined);
    this.#hasLeft = true;
    this.#wake();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.leave();
  }
}

/** A relay in memory with one topic, and the `connect` that gives it. */
export class FakeRelay implements Relay {
  state: RelayState = "connecting";
  readonly info: RelayInfo = {
    address: "wss://relay.example.com",
    roundTripMs: undefined,
    maxPayloadBytes: undefined,
    features: [],
    transport: undefined,
  };
  relays: readonly RelayStatus[] = [];
  readonly topic: FakeTopic = new FakeTopic("t");
  /** What it was connected and joined with. */
  address: string | readonly string[] | undefined;
  connectOptions: ConnectOptions = {};
  joined: { readonly topic: Parameters<Relay["join"]>[0]; readonly options: JoinOptions } | undefined;
  isClosed = false;
  /** What `join` rejects with; `never`: it waits for the signal. */
  joinError: PosternError | "never" | undefined;
  readonly #listeners = new Listeners<RelayEvents>();

  readonly connect = (relays: string | readonly string[], options: ConnectOptions = {}): Relay => {
    // One is told as the word that it was.
    this.address = typeof relays === "string" || relays.length > 1 ? relays : relays[0];
    this.connectOptions = options;
    return this;
  };

  emit<Name extends keyof RelayEvents>(name: Name, event: RelayEvents[Name]): void {
    this.#listeners.emit(name, event);
  }

  on<Name extends keyof RelayEvents>(name: Name, listener: (event: RelayEvents[Name]) => void): () => void {
    return this.#listeners.on(name, listener);
  }

  /** A relay was not reached: the one at `address`, or the only one. */
  fails(error: PosternError, address: string = this.info.address): void {
    const others = this.relays.filter((status) => status.address !== address);
    this.relays = [...others, { ...this.info, address, state: "connecting", error }];
    this.emit("error", error);
  }

  async join(topic: Parameters<Relay["join"]>[0], options: JoinOptions = {}): Promise<Topic> {
    this.joined = { topic, options };
    if (this.joinError === "never") {
      await new Promise((_, reject) => {
        options.signal?.addEventListener("abort", () => reject(new Error("aborted")));
      });
    } else if (this.joinError !== undefined) throw this.joinError;
    this.state = "connected";
    return this.topic;
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.state = "closed";
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
