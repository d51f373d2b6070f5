import type { Clock } from "./clock.ts";
import { utf8 } from "./data.ts";
import { DeliveryError } from "./errors.ts";
import { withTimeLimit } from "./time-limit.ts";

/**
 * What a message to one peer begins with: a kind (u8), and behind all but a plain message the number of the request
 * (u32, big-endian), which its sender gave.
 */
const PLAIN = 0;
const REQUEST = 1;
const ANSWER = 2;
const FAILURE = 3;
const NO_HANDLER = 4;
const HEADER_BYTES = 5;

/** Requests to one peer that are under way, and so many of one peer are handled at a time. */
const MAX_AT_ONCE = 64;
const MAX_WAITING = 1000;

/** So much of what a handler has thrown is told to the asker, and nothing else of it. */
const MAX_SENTENCE_CHARACTERS = 200;

const DEFAULT_TIMEOUT_MS = 10_000;

/** Answers a request of a peer. */
export type Handler = (sid: string, data: Uint8Array) => Uint8Array | string | Promise<Uint8Array | string>;

/** What requests need of others. */
export type RequestsParts = {
  readonly clock: Clock;
  /** Sends to one peer, in order, each once. Rejects when the peer has gone, or too much waits for it. */
  readonly sendDirect: (
    sid: string,
    payload: Uint8Array,
    options: { readonly signal?: AbortSignal; readonly wait?: boolean },
  ) => Promise<void>;
  readonly onFault: (sid: string, kind: "unreadable" | "unknown-kind") => void;
};

/** How long to wait for an answer: 10,000 ms unless it is set. */
export type RequestOptions = { readonly timeoutMs?: number | undefined; readonly signal?: AbortSignal | undefined };

type Asked = {
  readonly bytes: Uint8Array;
  /** Aborted when the time is over: then it need not be sent any more. */
  readonly limit: AbortSignal;
  readonly resolve: (answer: Uint8Array) => void;
  readonly reject: (error: Error) => void;
  /** Sent; else it waits until another one is answered. */
  isUnderWay: boolean;
};

/** What goes on between this end and one peer: the requests by number, in the order of the calls. */
type Exchange = { readonly asked: Map<number, Asked>; handledCount: number };

/** Writes a plain message to one peer. The data is copied. */
export function plainMessage(data: Uint8Array): Uint8Array {
  const message = new Uint8Array(1 + data.byteLength);
  message.set(data, 1);
  return message;
}

/**
 * Requests and answers, as messages to one peer: a request is handled once, however often the line breaks meanwhile.
 * At most 64 requests to one peer are under way, and 1,000 wait. Of one peer 64 are handled at a time: one more is refused, and
 * does not wait in the peer's lane, where the answers to this end's own requests would have to wait behind it.
 */
export class Requests {
  readonly #parts: RequestsParts;
  readonly #exchanges = new Map<string, Exchange>();
  #handler: Handler | undefined;
  #lastId = 0;
  #closed: Error | undefined;

  constructor(parts: RequestsParts) {
    this.#parts = parts;
  }

  /** Answers requests from now on. @returns stops answering, unless another handler has come. */
  setHandler(handler: Handler): () => void {
    this.#handler = handler;
    return () => {
      if (this.#handler === handler) this.#handler = undefined;
    };
  }

  /**
   * Asks a peer. The data is copied.
   * @throws DeliveryError `timed-out`, `request-refused` (the cause is the other side's sentence), `no-handler`, `peer-gone`,
   * `backlog-full`, `aborted`; what `close` was given, or `sendDirect` rejects with
   */
  async request(sid: string, data: Uint8Array, options: RequestOptions = {}): Promise<Uint8Array> {
    const { timeoutMs = DEFAULT_TIMEOUT_MS, signal } = options;
    if (this.#closed !== undefined) throw this.#closed;
    return withTimeLimit(this.#parts.clock, { timeoutMs, signal }, (limit) => {
      const exchange = this.#exchange(sid);
      if (exchange.asked.size >= MAX_AT_ONCE + MAX_WAITING) throw new DeliveryError("backlog-full");
      this.#lastId = (this.#lastId + 1) >>> 0;
      const id = this.#lastId;
      const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
      limit.addEventListener("abort", () => this.#end(sid, id, limit.reason));
      exchange.asked.set(id, { bytes: withId(REQUEST, id, data), limit, resolve, reject, isUnderWay: false });
      this.#advance(sid, exchange);
      return promise;
    });
  }

  /**
   * Takes a message of a peer. Never throws.
   * @returns the data of a plain message, a view of the payload; undefined where it is none
   */
  received(sid: string, payload: Uint8Array): Uint8Array | undefined {
    const [kind = PLAIN] = payload;
    if (kind > NO_HANDLER) this.#parts.onFault(sid, "unknown-kind");
    else if (payload.byteLength < (kind === PLAIN ? 2 : HEADER_BYTES)) this.#parts.onFault(sid, "unreadable");
    else if (kind === PLAIN) return payload.subarray(1);
    else {
      const id = new DataView(payload.buffer, payload.byteOffset).getUint32(1);
      const body = payload.subarray(HEADER_BYTES);
      if (kind === REQUEST) this.#onRequest(sid, id, body);
      else this.#end(sid, id, kind === ANSWER ? body : failureOf(kind, body));
    }
    return;
  }

  /** A peer has gone for good: what it was asked rejects with `peer-gone`. */
  peerGone(sid: string): void {
    const exchange = this.#exchanges.get(sid);
    if (exchange !== undefined) this.#endAll(exchange, new DeliveryError("peer-gone"));
    this.#forgetIdle(sid);
  }

  /** Rejects all that was asked, and answers nothing more. */
  close(error: Error): void {
    this.#closed = error;
    for (const exchange of this.#exchanges.values()) this.#endAll(exchange, error);
    this.#exchanges.clear();
  }

  #exchange(sid: string): Exchange {
    const exchange = this.#exchanges.get(sid) ?? { asked: new Map(), handledCount: 0 };
    this.#exchanges.set(sid, exchange);
    return exchange;
  }

  /** Sends those that wait, as far as they may be under way. */
  #advance(sid: string, { asked }: Exchange): void {
    let mayFollow = MAX_AT_ONCE;
    for (const [id, request] of asked) {
      if (mayFollow === 0) return;
      mayFollow -= 1;
      if (request.isUnderWay) continue;
      request.isUnderWay = true;
      this.#parts
        .sendDirect(sid, request.bytes, { signal: request.limit })
        .catch((error: Error) => this.#end(sid, id, error));
    }
  }

  /** The end of one request; a late one is passed over. */
  #end(sid: string, id: number, outcome: Uint8Array | Error): void {
    const exchange = this.#exchanges.get(sid);
    const request = exchange?.asked.get(id);
    if (exchange === undefined || request === undefined) return;
    if (outcome instanceof Error) request.reject(outcome);
    else if (request.isUnderWay) request.resolve(outcome);
    else return;
    exchange.asked.delete(id);
    this.#advance(sid, exchange);
    this.#forgetIdle(sid);
  }

  #endAll({ asked }: Exchange, error: Error): void {
    for (const { reject } of asked.values()) reject(error);
    asked.clear();
  }

  #forgetIdle(sid: string): void {
    const exchange = this.#exchanges.get(sid);
    if (exchange?.asked.size === 0 && exchange.handledCount === 0) this.#exchanges.delete(sid);
  }

  #onRequest(sid: string, id: number, data: Uint8Array): void {
    if (this.#closed !== undefined) return;
    const exchange = this.#exchange(sid);
    const refuse = (answer: Uint8Array) => {
      // Where even that would have to wait the asker runs into its time-out, and nothing grows here.
      this.#parts.sendDirect(sid, answer, { wait: false }).catch(() => undefined);
      this.#forgetIdle(sid);
    };
    if (this.#handler === undefined) return refuse(withId(NO_HANDLER, id));
    if (exchange.handledCount >= MAX_AT_ONCE) return refuse(failure(id, "Too many requests at once"));
    exchange.handledCount += 1;
    void this.#answer(sid, id, data, this.#handler).finally(() => {
      exchange.handledCount -= 1;
      this.#forgetIdle(sid);
    });
  }

  /** Never rejects. The place of the request is taken until its answer has left the backlog. */
  async #answer(sid: string, id: number, data: Uint8Array, handler: Handler): Promise<void> {
    const send = (answer: Uint8Array) => this.#parts.sendDirect(sid, answer, {});
    try {
      const answer: unknown = await handler(sid, data);
      const bytes = typeof answer === "string" ? utf8(answer) : answer;
      if (!(bytes instanceof Uint8Array)) throw new DeliveryError("data-invalid");
      await send(withId(ANSWER, id, bytes));
    } catch (error) {
      await send(failure(id, error instanceof Error ? error.message : "The handler failed")).catch(() => undefined);
    }
  }
}

function withId(kind: number, id: number, data: Uint8Array = new Uint8Array()): Uint8Array {
  const message = new Uint8Array(HEADER_BYTES + data.byteLength);
  message[0] = kind;
  new DataView(message.buffer).setUint32(1, id);
  message.set(data, HEADER_BYTES);
  return message;
}

function failure(id: number, text: string): Uint8Array {
  return withId(FAILURE, id, utf8(sentence(text)));
}

function failureOf(kind: number, body: Uint8Array): Error {
  if (kind === NO_HANDLER) return new DeliveryError("no-handler");
  // A character has at most four bytes.
  const text = new TextDecoder().decode(body.subarray(0, 4 * MAX_SENTENCE_CHARACTERS));
  return new DeliveryError("request-refused", { cause: sentence(text) });
}

function sentence(text: string): string {
  return text.slice(0, MAX_SENTENCE_CHARACTERS).toWellFormed();
}
