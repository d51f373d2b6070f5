import { randomFillSync } from "node:crypto";
import type { ClientRequest, IncomingMessage } from "node:http";
import type { Socket as NetSocket } from "node:net";
import { TLSSocket } from "node:tls";
import { type ClientOptions, WebSocket } from "ws";
import { SUBPROTOCOL_V1 } from "../../protocol/subprotocol.ts";
import type { Clock, Timer } from "../clock.ts";
import type { Dial, Socket, SocketEnd, SocketEvents } from "../line/socket.ts";
import { BinaryFrames } from "./binary-frames.ts";
import { BufferPool } from "./buffer-pool.ts";
import { StageTimeout } from "./deadline.ts";
import type { Dialler } from "./dialler.ts";
import { explained } from "./explained.ts";
import { InterceptedError } from "./intercepted-error.ts";
import { ProxyError } from "./proxies/proxy-error.ts";
import { readRefusal } from "./refused-upgrade.ts";

/** As large as a relay may ever be told to take and give, with the envelope of JSON. */
const MAX_MESSAGE_BYTES = 71_303_168;
/**
 * `ws` ends itself above so many pongs that cannot be written: 60 unless it is told another number, which is half an hour
 * of a sender whom the relay does not read. Some hundred bytes each.
 */
const MAX_PENDING_PONGS = 10_000;
/** How long the closing handshake may take before the connection is cut. */
const CLOSE_TIMEOUT_MS = 2000;
/** How long the answer to the upgrade may take. */
const HTTP_TIMEOUT_MS = 10_000;
const NO_CODES: ReadonlySet<number> = new Set([1005, 1006]);

/** What `ws` takes and its types do not name. */
type AllOptions = ClientOptions & { readonly maxPendingAutoPongs: number; readonly closeTimeout: number };

/** What a socket is made of. */
export type NodeDialParts = {
  readonly clock: Clock;
  readonly dialler: Pick<Dialler, "openSocket">;
  /** Where what is to be sent has its memory from. Left out: nothing is used again. */
  readonly pool?: BufferPool | undefined;
};

/** Dials with `ws`, which closes as it should on every Node, over the connections of a dialler, which tells why one failed. */
export function nodeDial(parts: NodeDialParts): Dial {
  return (address, events) => new NodeSocket(address, events, parts);
}

class NodeSocket implements Socket {
  readonly #events: SocketEvents;
  readonly #clock: Clock;
  readonly #pool: BufferPool;
  /** Ends the dial. */
  readonly #given = new AbortController();
  #socket: WebSocket | undefined;
  /** Since the upgrade. */
  #frames: BinaryFrames | undefined;
  #timer: Timer | undefined;
  #cause: unknown;
  #fingerprint256: string | undefined;
  #isOver = false;

  constructor(address: string, events: SocketEvents, { clock, dialler, pool = new BufferPool() }: NodeDialParts) {
    this.#events = events;
    this.#clock = clock;
    this.#pool = pool;
    queueMicrotask(() => void this.#dial(address, dialler));
  }

  get bufferedBytes(): number {
    return this.#socket?.bufferedAmount ?? 0;
  }

  get fingerprint256(): string | undefined {
    return this.#fingerprint256;
  }

  send(message: string | Uint8Array, roomBytes = 0): void {
    if (this.#isOver || this.#socket?.readyState !== WebSocket.OPEN) return;
    // `ws` writes what it is given at once too, so that frames of the two never mix.
    if (typeof message !== "string" && this.#frames !== undefined) this.#frames.write(message, roomBytes);
    else this.#socket.send(message);
  }

  close(reason: string): void {
    this.#end({ code: 1000, reason });
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.close(1000, reason);
    else this.#socket?.terminate();
  }

  async #dial(address: string, dialler: NodeDialParts["dialler"]): Promise<void> {
    try {
      const url = new URL(address);
      const socket = await dialler.openSocket(url, this.#given.signal);
      if (socket instanceof TLSSocket) this.#fingerprint256 = socket.getPeerCertificate().fingerprint256;
      if (this.#isOver) socket.destroy();
      else this.#upgrade(url, socket);
    } catch (cause) {
      this.#fail(cause, { isUnreached: true });
    }
  }

  #upgrade({ href, hostname }: URL, stream: NetSocket): void {
    const options: AllOptions = {
      perMessageDeflate: false,
      maxPayload: MAX_MESSAGE_BYTES,
      maxPendingAutoPongs: MAX_PENDING_PONGS,
      closeTimeout: CLOSE_TIMEOUT_MS,
      createConnection: () => stream,
    };
    this.#socket = new WebSocket(href, SUBPROTOCOL_V1, options);
    this.#timer = this.#clock.after(HTTP_TIMEOUT_MS, () => this.#fail(new StageTimeout("http", HTTP_TIMEOUT_MS)));
    this.#listen(this.#socket, hostname);
  }

  #listen(socket: WebSocket, hostname: string): void {
    socket.on("upgrade", ({ socket: stream }: IncomingMessage) => {
      this.#frames = new BinaryFrames({ stream, fill: randomFillSync, onWritten: (frame) => this.#pool.give(frame) });
      // Behind the listener of ws, which is added in this turn: the bytes are its own.
      queueMicrotask(() => stream.on("data", () => !this.#isOver && this.#events.onBytesSeen?.()));
      stream.on("drain", () => !this.#isOver && this.#events.onDrained?.());
    });
    socket.on("open", () => this.#opened());
    socket.on("message", (data: Buffer, isBinary) => {
      if (this.#isOver) return;
      if (isBinary) this.#events.onBytes(data);
      else this.#events.onText(data.toString());
    });
    socket.on("unexpected-response", (request, response) => void this.#refused(request, response));
    // The close event follows each error.
    socket.on("error", (error) => (this.#cause ??= explained(error, hostname)));
    socket.on("close", (code, reason) =>
      this.#end({ code: NO_CODES.has(code) ? undefined : code, reason: reason.toString(), cause: this.#cause }),
    );
  }

  #opened(): void {
    this.#timer?.cancel();
    if (!this.#isOver) this.#events.onOpen();
  }

  async #refused(request: ClientRequest, response: IncomingMessage): Promise<void> {
    this.#timer?.cancel();
    const { refusal, text } = await readRefusal(response);
    request.destroy();
    this.#end({ code: undefined, reason: "", cause: new Error(text), refusal });
  }

  #fail(cause: unknown, how: Pick<SocketEnd, "isUnreached"> = {}): void {
    const refusal = cause instanceof ProxyError || cause instanceof InterceptedError ? cause : undefined;
    this.#end({ code: undefined, reason: "", cause, refusal, ...how });
    this.#socket?.terminate();
  }

  #end(end: SocketEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#timer?.cancel();
    this.#given.abort();
    this.#events.onEnd(end);
  }
}
