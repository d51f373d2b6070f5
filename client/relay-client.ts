import type { Clock } from "./clock.ts";
import { Emitter } from "./emitter.ts";
import { ConnectError, DeliveryError, type PosternError, TopicError } from "./errors.ts";
import { BackOff } from "./line/back-off.ts";
import { Line, type LineParts } from "./line/line.ts";
import type { PageEvents } from "./line/page-events.ts";
import type { Dial } from "./line/socket.ts";
import type { Transport } from "./line/transport.ts";
import { loadPart } from "./load-part.ts";
import type { HostedMailboxes, HostsMailboxes, MailboxHost } from "./mailbox-host.ts";
import type { NumberedTopic } from "./numbered-topic.ts";
import { OVERHEAD_BYTES } from "./overhead.ts";
import type { PlainTopic } from "./plain-topic.ts";
import type {
  ConnectOptions,
  JoinOptions,
  Relay,
  RelayEvents,
  RelayInfo,
  RelayList,
  RelayState,
  RelayStatus,
} from "./relay.ts";
import { checkedAddresses } from "./relays/addresses.ts";
import { RelayListing } from "./relays/relay-listing.ts";
import { RelaySet, type RelaySetOptions } from "./relays/relay-set.ts";
import type { Cryptography } from "./sealing/cryptography.ts";
import type { SealedTopicName } from "./sealing/derivation.ts";
import { withTimeLimit } from "./time-limit.ts";
import type { Topic } from "./topic.ts";
import type { PrepareTopic, TopicParts } from "./topics.ts";

const JOIN_TIMEOUT_MS = 30_000;
/** Below the 20 s for which an unanswered upgrade holds back every other one to the same address in Firefox. */
const CONNECT_TIMEOUT_MS = 15_000;

/** What a relay is made of, by runtime. */
export type RelayClientParts = {
  readonly clock: Clock;
  /** 0..1, as Math.random: for delays. */
  readonly random: () => number;
  /** By WebSocket, and by polls. */
  readonly dial: Dial;
  readonly poll?: Dial | undefined;
  readonly judge?: LineParts["judge"];
  readonly memoryOf?: LineParts["memoryOf"];
  readonly wayOf?: LineParts["wayOf"];
  /** Tells when a page sleeps and wakes; left out where there are no pages. */
  readonly pageEvents?: PageEvents | undefined;
  readonly resendBufferBytes: number;
  readonly cryptography: Cryptography;
  /** Gives what makes topics; asked by each `join`, and again where it fails. */
  readonly loadTopics: () => Promise<PrepareTopic>;
  /** Says something to the developer, once. */
  readonly warn: (text: string) => void;
};

const PUBLIC_WARNING =
  "A topic with a bare name is public: who runs the relay, or knows the name, reads it. Join by { secret }, or set public: true.";

/** What is known before there is a list of relays. */
const NO_INFO: RelayInfo = {
  address: "",
  roundTripMs: undefined,
  maxPayloadBytes: undefined,
  features: [],
  transport: undefined,
};

/** The relays of an app, as it sees them: one, or several as if they were one. */
export class RelayClient implements Relay, HostsMailboxes {
  readonly #parts: RelayClientParts;
  readonly #lineOptions: RelaySetOptions;
  readonly #addresses: readonly string[];
  readonly #set: RelaySet;
  readonly #listing: RelayListing | undefined;
  readonly #listed = Promise.withResolvers<void>();
  readonly #emitter = new Emitter<RelayEvents>();
  readonly #topics = new Map<string, NumberedTopic | PlainTopic>();
  #mailboxes: HostedMailboxes | undefined;
  #lastError: PosternError | undefined;
  readonly #topicParts: TopicParts;
  /** Aborted when the app has closed it. */
  readonly #closing = new AbortController();
  #hasWarned = false;

  /** Dials at once. @throws ConnectError `address-invalid`, `option-invalid` */
  constructor(parts: RelayClientParts, relays: string | readonly string[] | RelayList, options: ConnectOptions) {
    const { token, reconnect, signal, transports } = options;
    const addresses = typeof relays === "function" ? undefined : checkedAddresses([relays].flat());
    const delays = checkedReconnect(reconnect);
    this.#parts = parts;
    this.#topicParts = { ...parts, openPlain: (...line) => this.#set.openPlain(...line) };
    this.#addresses = addresses ?? [];
    this.#lineOptions = {
      token,
      reconnect: delays,
      transports: checkedTransports(transports),
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
    };
    this.#listed.promise.catch(() => undefined);
    this.#set = new RelaySet(parts, this.#lineOptions, {
      onState: (state) => {
        // What failed before is no reason for what fails from now on.
        if (state === "connected") this.#lastError = undefined;
        if (state === "closed") this.#listing?.stop();
        this.#emitter.emit("state", state);
      },
      onRelays: () => this.#emitter.emit("relays", this.relays),
      onError: (error) => this.#onError(error),
    });
    if (addresses !== undefined) this.#use(addresses);
    if (typeof relays === "function") this.#listing = this.#listen(relays, new BackOff(parts.random, delays));
    signal?.addEventListener("abort", () => void this.close(), { once: true });
    if (signal?.aborted === true) void this.close();
  }

  get state(): RelayState {
    return this.#set.state;
  }

  get info(): RelayInfo {
    const [first] = this.relays.toSorted((a, b) => distance(a) - distance(b));
    if (first === undefined) return NO_INFO;
    const { state: _state, error: _error, ...info } = first;
    return info;
  }

  get relays(): readonly RelayStatus[] {
    return this.#set.relays.map((relay) => {
      const { maxPayloadBytes } = relay;
      return {
        ...relay,
        maxPayloadBytes: maxPayloadBytes === undefined ? undefined : maxPayloadBytes - OVERHEAD_BYTES,
      };
    });
  }

  async join(asked: string | SealedTopicName, options: JoinOptions = {}): Promise<Topic> {
    const { timeoutMs = JOIN_TIMEOUT_MS, signal } = options;
    const { clock } = this.#parts;
    const prepareTopic = await this.#loadTopics({ timeoutMs, signal });
    const { name, open } = await prepareTopic(this.#topicParts, asked, options);
    this.#closing.signal.throwIfAborted();
    if (this.state === "closed") throw this.#lastError ?? new ConnectError("closed");
    // A plain topic is on one relay: there has to be one.
    if (options.plain === true) await withTimeLimit(clock, { timeoutMs, signal }, () => this.#listed.promise);
    if (this.#topics.has(name)) throw new TopicError("already-joined");
    if (typeof asked === "string" && options.public !== true) this.#warnPublic();
    const topic = open();
    this.#topics.set(name, topic);
    topic.ended.addEventListener("abort", () => this.#forget(name), { once: true });
    if ("joinOn" in topic) this.#set.join(topic);
    try {
      await withTimeLimit(clock, { timeoutMs, signal }, () => topic.joined);
      return topic;
    } catch (error) {
      void topic.leave();
      throw isLate(error) ? new ConnectError("unreachable", { cause: this.#lastError ?? error }) : error;
    }
  }

  async close(): Promise<void> {
    const reason = new ConnectError("closed");
    this.#closing.abort(reason);
    await Promise.all([...this.#topics.values()].map((topic) => topic.leave()));
    this.#listing?.stop();
    this.#listed.reject(reason);
    this.#set.close();
    this.#mailboxes?.close();
  }

  hostMailboxes(make: (host: MailboxHost) => HostedMailboxes): HostedMailboxes {
    const { clock, cryptography } = this.#parts;
    // A mailbox is on one relay.
    const [address] = this.#addresses;
    if (address === undefined) throw new ConnectError("option-invalid", { cause: "mailboxes: connect to an address" });
    const options = { ...this.#lineOptions, address };
    const openLine: MailboxHost["openLine"] = (events) => new Line(this.#parts, options, events);
    this.#mailboxes ??= make({ clock, cryptography, address, openLine });
    if (this.#closing.signal.aborted) this.#mailboxes.close();
    return this.#mailboxes;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  on<Name extends keyof RelayEvents>(name: Name, listener: (event: RelayEvents[Name]) => void): () => void {
    return this.#emitter.on(name, listener);
  }

  /** @throws ConnectError `load-failed`, `closed`; DeliveryError `aborted` */
  async #loadTopics(limits: Parameters<typeof withTimeLimit>[1]): Promise<PrepareTopic> {
    const { clock, random, loadTopics } = this.#parts;
    const backOff = new BackOff(random, this.#lineOptions.reconnect);
    let failure: PosternError | undefined;
    const onError = (error: PosternError): void => {
      failure = error;
      this.#emitter.emit("error", error);
    };
    try {
      return await withTimeLimit(clock, limits, (signal) =>
        loadPart(loadTopics, { clock, backOff, signal: AbortSignal.any([signal, this.#closing.signal]), onError }),
      );
    } catch (error) {
      throw isLate(error) ? (failure ?? new ConnectError("load-failed", { cause: error })) : error;
    }
  }

  #use(addresses: readonly string[]): void {
    this.#set.use(addresses);
    this.#listed.resolve();
  }

  #listen(list: RelayList, backOff: BackOff): RelayListing {
    const { clock } = this.#parts;
    return new RelayListing({
      clock,
      backOff,
      list,
      isReached: () => this.state === "connected",
      onAddresses: (addresses) => this.#use(addresses),
      onError: (error) => this.#onError(error),
    });
  }

  #onError(error: PosternError): void {
    this.#lastError = error;
    this.#emitter.emit("error", error);
  }

  #forget(name: string): void {
    this.#topics.delete(name);
    this.#set.forget(name);
  }

  #warnPublic(): void {
    if (!this.#hasWarned) this.#parts.warn(PUBLIC_WARNING);
    this.#hasWarned = true;
  }
}

function isLate(error: unknown): boolean {
  return error instanceof DeliveryError && error.code === "timed-out";
}

/** The lower, the more is said by it. */
function distance({ state, roundTripMs }: RelayStatus): number {
  return state === "connected" ? (roundTripMs ?? Number.MAX_VALUE) : Number.POSITIVE_INFINITY;
}

function checkedTransports(transports: readonly Transport[] | undefined): readonly Transport[] | undefined {
  const known = new Set<string>(["websocket", "polling"]);
  const given = new Set<string>(transports);
  if (
    transports === undefined ||
    (transports.length > 0 && given.size === transports.length && transports.every((name) => known.has(name)))
  )
    return transports;
  throw new ConnectError("option-invalid", { cause: 'transports: "websocket", "polling"' });
}

function checkedReconnect({ minDelayMs = 250, maxDelayMs = 30_000 }: ConnectOptions["reconnect"] = {}): {
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
} {
  if (minDelayMs > 0 && minDelayMs <= maxDelayMs && maxDelayMs <= 3_600_000) return { minDelayMs, maxDelayMs };
  throw new ConnectError("option-invalid", { cause: "reconnect: 0 < minDelayMs <= maxDelayMs <= 3600000" });
}
