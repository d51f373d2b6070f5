import { once } from "node:events";
import { connect, type TLSSocket } from "node:tls";
import type { Target } from "../bench/generator/connection.ts";

const OPEN_TIMEOUT_MS = 20_000;
const HEAD_END = "\r\n\r\n";

type Waiting = { readonly resolve: (body: Buffer) => void; readonly reject: (error: Error) => void };

/** One kept connection over which requests go one after the other: as little of HTTP as servers need to be measured. */
export class HttpConnection {
  readonly #socket: TLSSocket;
  #received: Buffer = Buffer.alloc(0);
  #waiting: Waiting | undefined;
  #isClosed = false;

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#fail(new Error("the server has closed a connection")));
  }

  static async open({ port, secureContext }: Target): Promise<HttpConnection> {
    const socket = connect({ host: "127.0.0.1", port, servername: "localhost", secureContext });
    const timer = setTimeout(() => socket.destroy(new Error("no TLS in time")), OPEN_TIMEOUT_MS);
    await once(socket, "secureConnect");
    clearTimeout(timer);
    return new HttpConnection(socket);
  }

  /** Whether nobody has closed it: servers close what was idle for some seconds, or has had its number of requests. */
  get isOpen(): boolean {
    return !this.#isClosed;
  }

  /** Sends a request. @param head its first line and its headers, without the end. @returns the body of a 200; rejects with anything else */
  ask(head: string, body?: Uint8Array): Promise<Buffer> {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    this.#waiting = { resolve, reject };
    const text = `${head}\r\nHost: localhost${body === undefined ? "" : `\r\nContent-Length: ${body.length}`}${HEAD_END}`;
    this.#socket.write(body === undefined ? text : Buffer.concat([Buffer.from(text), body]));
    return promise;
  }

  close(): void {
    this.#waiting = undefined;
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    const headEnd = this.#received.indexOf(HEAD_END);
    if (headEnd < 0) return;
    const head = this.#received.toString("latin1", 0, headEnd);
    const bodyAt = headEnd + HEAD_END.length;
    const bodyEnd = bodyAt + Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
    if (this.#received.length < bodyEnd) return;
    const body = this.#received.subarray(bodyAt, bodyEnd);
    this.#received = this.#received.subarray(bodyEnd);
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (/\r\nconnection: *close/i.test(head)) this.#isClosed = true;
    if (head.startsWith("HTTP/1.1 200 ")) waiting?.resolve(body);
    else waiting?.reject(new Error(`${head.slice(0, head.indexOf("\r\n"))}: ${body.toString().slice(0, 100)}`));
  }

  #fail(error: Error): void {
    this.#isClosed = true;
    this.#waiting?.reject(error);
    this.#waiting = undefined;
  }
}
