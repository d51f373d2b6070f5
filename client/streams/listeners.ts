import type { Sid } from "../delivery/ports.ts";
import type { OpenStream } from "./open-stream.ts";
import type { PeerStream } from "./peer-stream.ts";

/** Who takes incoming streams. */
export interface Listener {
  /** Whether it takes another one of this peer. */
  hasRoom(sid: Sid): boolean;
  /** Takes a stream: it is accepted now, or later. */
  take(stream: OpenStream): void;
  /** A stream that waits has ended. */
  withdraw(stream: OpenStream): void;
  /** It takes no more. */
  end(): void;
}

/** Who takes which label: at most one for each, and one for all others. */
export class Listeners {
  readonly #byLabel = new Map<string | undefined, Listener>();

  find(label: string): Listener | undefined {
    return this.#byLabel.get(label) ?? this.#byLabel.get(undefined);
  }

  /** In place of an earlier one. @returns stops it. */
  set(label: string | undefined, listener: Listener): () => void {
    const earlier = this.#byLabel.get(label);
    this.#byLabel.set(label, listener);
    earlier?.end();
    return () => {
      if (this.#byLabel.get(label) === listener) this.#byLabel.delete(label);
      listener.end();
    };
  }

  /** A stream that waited has ended. */
  withdraw(stream: OpenStream): void {
    for (const listener of this.#byLabel.values()) listener.withdraw(stream);
  }

  end(): void {
    for (const listener of this.#byLabel.values()) listener.end();
    this.#byLabel.clear();
  }
}

type Result = IteratorResult<PeerStream, undefined>;

const END: Result = { done: true, value: undefined };

/** What a loop needs of others. */
export type IncomingParts = {
  /** Whether one more of this peer may wait. */
  readonly mayWait: (sid: Sid) => boolean;
  readonly accept: (stream: OpenStream) => void;
  /** Nobody will take it. */
  readonly refuse: (stream: OpenStream) => void;
  readonly onEnd: () => void;
};

/** Incoming streams for a loop, in the order in which they came. */
export class IncomingStreams implements AsyncIterableIterator<PeerStream>, Listener {
  readonly #parts: IncomingParts;
  readonly #waiting = new Set<OpenStream>();
  /** Calls of `next` that wait; while there are any, no stream does. */
  readonly #asking: ((result: Result) => void)[] = [];
  #hasEnded = false;

  constructor(parts: IncomingParts) {
    this.#parts = parts;
  }

  hasRoom(sid: Sid): boolean {
    return this.#asking.length > 0 || this.#parts.mayWait(sid);
  }

  take(stream: OpenStream): void {
    const ask = this.#asking.shift();
    if (ask === undefined) this.#waiting.add(stream);
    else {
      this.#parts.accept(stream);
      ask({ done: false, value: stream });
    }
  }

  withdraw(stream: OpenStream): void {
    this.#waiting.delete(stream);
  }

  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    for (const ask of this.#asking.splice(0)) ask(END);
    for (const stream of this.#waiting) this.#parts.refuse(stream);
    this.#waiting.clear();
    this.#parts.onEnd();
  }

  next(): Promise<Result> {
    const [first] = this.#waiting;
    if (first !== undefined) {
      this.#waiting.delete(first);
      this.#parts.accept(first);
      return Promise.resolve({ done: false, value: first });
    }
    if (this.#hasEnded) return Promise.resolve(END);
    return new Promise((resolve) => {
      this.#asking.push(resolve);
    });
  }

  return(): Promise<Result> {
    this.end();
    return Promise.resolve(END);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
