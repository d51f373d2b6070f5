/** The package `postern-client/node-streams`: streams to peers as Node has them. */

import { Duplex } from "node:stream";
import type { PeerStream } from "./streams/peer-stream.ts";
import { reasonOf } from "./streams/stream-chunk.ts";

/** How the Duplex behaves. */
export type DuplexOptions = {
  /** False: `end` is called when the peer has ended. True unless it is set. */
  readonly allowHalfOpen?: boolean | undefined;
};

/**
 * A stream as a Duplex of Node, which is the only one to read and write it from then on. `end()` ends the own direction, and
 * `finish` comes when the peer's library has everything; `end` comes when the peer has ended. `destroy()` before both aborts the
 * stream, with the sentence of the error that it is given, and with its `reasonCode` where it has one. What a StreamError or a
 * DeliveryError ends is destroyed with it. Where nobody listens to its errors they are nobody's: a peer that aborts a stream does not end the
 * process, and the stream's `closed` says why.
 */
export function toDuplex(stream: PeerStream, options: DuplexOptions = {}): Duplex {
  return new PeerDuplex(stream, options);
}

type Done = (error?: Error | null) => void;

class PeerDuplex extends Duplex {
  readonly #stream: PeerStream;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;

  constructor(stream: PeerStream, { allowHalfOpen = true }: DuplexOptions) {
    super({ allowHalfOpen });
    this.on("error", () => undefined);
    this.#stream = stream;
    this.#reader = stream.readable.getReader();
    this.#writer = stream.writable.getWriter();
    for (const { closed } of [this.#reader, this.#writer]) closed.catch((error: Error) => this.destroy(error));
  }

  override _read(): void {
    void this.#readNext();
  }

  override _write(bytes: Uint8Array, _encoding: string, done: Done): void {
    void settle(this.#writer.write(bytes), done);
  }

  override _final(done: Done): void {
    void settle(this.#writer.close(), done);
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#stream.abort(reasonOf(error));
    done(error);
  }

  /** Never rejects: why it has failed, `closed` says. */
  async #readNext(): Promise<void> {
    const read = await this.#reader.read().catch(() => undefined);
    if (read !== undefined) this.push(read.done ? null : read.value);
  }
}

/** Tells how a promise ends. */
async function settle(promise: Promise<void>, done: Done): Promise<void> {
  const failure = await promise.then(
    () => null,
    (error: Error) => error,
  );
  done(failure);
}
