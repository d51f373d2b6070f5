import type { Duplex } from "node:stream";

/**
 * Reads from a socket exactly what is wanted, and leaves the rest: for the few words before a tunnel is open. Who reads is ended by
 * destroying the socket.
 */
export class SocketReader {
  readonly #socket: Duplex;
  readonly #maxBytes: number;
  #waiting: Buffer = Buffer.alloc(0);
  #byteCount = 0;

  /** @param maxBytes so many are read in all; one more is an error. */
  constructor(socket: Duplex, maxBytes: number) {
    this.#socket = socket;
    this.#maxBytes = maxBytes;
  }

  /** Whether more has come than was asked for. */
  get hasMore(): boolean {
    return this.#waiting.length > 0 || this.#socket.readableLength > 0;
  }

  /** What has come and was not read, at most so many bytes; it is read by that. */
  waiting(maxBytes: number): Buffer {
    const chunk: unknown = this.#socket.read();
    if (Buffer.isBuffer(chunk)) this.#waiting = Buffer.concat([this.#waiting, chunk]);
    return this.#take(Math.min(this.#waiting.length, maxBytes));
  }

  /** A line without its end, which is LF or CRLF; each byte is one character. @throws Error where the socket ends before, or too much comes */
  async line(): Promise<string> {
    let from = 0;
    for (;;) {
      const end = this.#waiting.indexOf(10, from);
      if (end !== -1) {
        const line = this.#take(end + 1).toString("latin1");
        return line.replace(/\r?\n$/, "");
      }
      from = this.#waiting.length;
      await this.#more();
    }
  }

  /** So many bytes. @throws as `line` */
  async bytes(count: number): Promise<Buffer> {
    while (this.#waiting.length < count) await this.#more();
    return this.#take(count);
  }

  #take(count: number): Buffer {
    const taken = this.#waiting.subarray(0, count);
    this.#waiting = this.#waiting.subarray(count);
    return taken;
  }

  async #more(): Promise<void> {
    for (;;) {
      const chunk: unknown = this.#socket.read();
      if (Buffer.isBuffer(chunk)) {
        this.#byteCount += chunk.length;
        if (this.#byteCount > this.#maxBytes) throw new Error(`more than ${this.#maxBytes} bytes came`);
        this.#waiting = Buffer.concat([this.#waiting, chunk]);
        return;
      }
      if (this.#socket.readableEnded || this.#socket.destroyed)
        throw this.#socket.errored ?? new Error("the connection was closed");
      await this.#event();
    }
  }

  /** Something has happened: bytes, or an end. */
  #event(): Promise<void> {
    const socket = this.#socket;
    return new Promise((resolve) => {
      const names = ["readable", "end", "error", "close"];
      const done = (): void => {
        for (const name of names) socket.off(name, done);
        resolve();
      };
      for (const name of names) socket.on(name, done);
    });
  }
}
