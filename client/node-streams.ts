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
 * DeliveryError ends is destroyed with it.
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
    this.#stream = stream;
    this.#reader = stream.readable.getReader();
    this.#writer = stream.writable.getWriter();
    for (const { closed } of [this.#reader, this.#writer]) closed.catch((error: Error) => this.destroy(error));
  }

  override _read(): void {
    this.#reader.read().then(
      ({ done, value }) => this.push(done ? null : value),
      (error: Error) => this.destroy(error),
    );
  }

  override _write(bytes: Uint8Array, _encoding: string, done: Done): void {
    this.#writer.write(bytes).then(() => done(), done);
  }

  override _final(done: Done): void {
    this.#writer.close().then(() => done(), done);
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#stream.abort(reasonOf(error));
    done(error);
  }
}
