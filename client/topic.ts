import type { PosternError } from "./errors.ts";

/** What an app sends: text is sent as UTF-8. At least one byte, at most `relay.info.maxPayloadBytes`. The bytes are copied. */
export type Data = string | Uint8Array;

/** One member of a topic. */
export type Peer = {
  /** Stays the same over reconnects of this peer; another one after its app has started anew. */
  readonly id: string;
  /** It speaks the five messages of classic clients alone: what it sends is not numbered, and may be lost without a word. */
  readonly isClassic: boolean;
  /** The key that it has proved to have, as 43 characters of base64url; the same for as long as it has this id. Undefined: none. */
  readonly publicKey?: string | undefined;
  /** What it shows of itself: 1 to 744 bytes, its app's own. Undefined: nothing, or nothing yet. */
  readonly presence?: Uint8Array | undefined;
};

/** What a peer has sent. */
export type Message = {
  readonly peer: Peer;
  /** The bytes: the app's own. */
  readonly data: Uint8Array;
  /** The same as text: UTF-8, with U+FFFD for what is none. */
  readonly text: string;
  /** Sent to this member alone. */
  readonly isDirect: boolean;
};

/** So many messages of a peer will never come: it dropped them before this member had them. */
export type Loss = { readonly peer: Peer; readonly count: number };

/** `broadcast` waits, because these peers have not confirmed what its buffer would drop; empty: no longer. */
export type Held = { readonly peers: readonly Peer[] };

/** What a topic tells, and what listeners get. */
export type TopicEvents = {
  /** A peer is here. What is broadcast from now on reaches it. */
  readonly join: Peer;
  /** A peer shows something else of itself: its `presence` has changed. */
  readonly update: Peer;
  /** A peer has left, or was away for longer than the grace of 8 s. */
  readonly leave: Peer;
  /** In each peer's order, each once. */
  readonly message: Message;
  readonly lost: Loss;
  readonly held: Held;
  /** A member without the SDK is in a topic with numbers: it sees frames that it cannot read. See the plain mode. */
  readonly classic: Peer;
  /** What another member or the relay sent could not be used. Nothing else is disturbed by it. */
  readonly fault: Fault;
  /** The topic has ended: the relay does not let this client back. */
  readonly error: PosternError;
};

/**
 * What cannot be used of what came from outside:
 * - `unreadable`: a frame that is none; `unknown-kind`: one of a later version;
 * - `unsealed`, in a topic with a secret: what was changed on the way, is played again, or comes from a member without the secret;
 * - `id-claimed`: a second member claims the id of one who is there, and is not heard;
 * - `overflow`: a member makes this one keep more than its bounds allow: the frame was dropped, and is asked for again;
 * - `flood`: a member asks for more repairs than it may.
 */
export type Fault = {
  readonly kind: "unreadable" | "unknown-kind" | "unsealed" | "id-claimed" | "overflow" | "flood";
  /** Undefined where it is nobody's that is known. */
  readonly peer: Peer | undefined;
};

/** How a message is sent. */
export type SendOptions = {
  /** Gives up waiting; what has left already stays sent. */
  readonly signal?: AbortSignal | undefined;
  /** False: rejects with `would-wait` in place of waiting. */
  readonly wait?: boolean | undefined;
};

/** How long to wait for something. */
export type WaitOptions = {
  readonly signal?: AbortSignal | undefined;
  /** Then it rejects with `timed-out`. */
  readonly timeoutMs?: number | undefined;
};

/** Answers a request: with bytes, text, or a promise of them. What it throws goes to the asker as `request-refused`. */
export type RequestHandler = (request: Message) => Data | Promise<Data>;

/** A topic that was joined. It stays joined over cuts and restarts until `leave`. */
export interface Topic extends AsyncDisposable {
  readonly name: string;
  /** This client, as the others see it. */
  readonly self: Peer;
  /** The others, by id. */
  readonly peers: ReadonlyMap<string, Peer>;
  /**
   * Sends to all members, who get it once and in this order, or are told exactly how many they have lost.
   * Resolves when there is room for more: await it. Calls keep their order.
   * @throws DeliveryError `data-invalid`, `payload-too-large`, `backlog-full`, `would-wait`, `aborted`, `closed`
   */
  broadcast(data: Data, options?: SendOptions): Promise<void>;
  /**
   * Sends to one peer, in order among what is sent to it. Resolves when there is room for more to it.
   * @throws DeliveryError as `broadcast`, and `no-such-peer`, `peer-gone`
   */
  send(peer: Peer | string, data: Data, options?: SendOptions): Promise<void>;
  /**
   * Asks one peer, and resolves with its answer. It asks again after a cut; the handler runs once.
   * @param options `timeoutMs` is 10,000 unless it is set.
   * @throws DeliveryError as `send`, and `timed-out`, `request-refused`, `no-handler`
   */
  request(peer: Peer | string, data: Data, options?: WaitOptions): Promise<Uint8Array>;
  /** Answers requests from now on, in place of an earlier handler. @returns stops answering. */
  onRequest(handler: RequestHandler): () => void;
  /**
   * The messages from now on, as they come. What the app does not take in time is dropped beyond a bound, and told by `lost`:
   * it costs no other member time. Ends with `leave` and with the signal.
   */
  messages(options?: { readonly signal?: AbortSignal | undefined }): AsyncIterableIterator<Message>;
  /**
   * Resolves when every member that is here now, and stays, has what was sent before.
   * @param options `timeoutMs` is 30,000 unless it is set.
   * @throws DeliveryError `timed-out`, `aborted`, `closed`, `plain-topic`
   */
  flush(options?: WaitOptions): Promise<void>;
  /**
   * Shows this to the others from now on, on every connection: 1 to 744 bytes, sealed as messages are. Of changes that follow each
   * other quickly, others may see the last one alone. Where the relay has no `presence` in its features, nobody sees it.
   * @throws DeliveryError `data-invalid`, `payload-too-large`, `closed`, `plain-topic`
   */
  setPresence(presence: Data): void;
  /** Leaves, after what was sent has left. Resolves when the relay has said so, or does not answer. Never rejects. */
  leave(): Promise<void>;
  /** Calls a listener at each event until it is stopped. @returns stops it. */
  on<Name extends keyof TopicEvents>(name: Name, listener: (event: TopicEvents[Name]) => void): () => void;
}
