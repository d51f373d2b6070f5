import { SUBPROTOCOL_V1 } from "../../protocol/subprotocol.ts";
import type { Clock, Timer } from "../clock.ts";
import type { Dial, Socket, SocketEnd, SocketEvents } from "./socket.ts";

/** How often to look at a socket that says nothing: one that failed without an event is noticed after two looks. */
const LOOK_MS = 1000;
const CLOSING = 2;
/** What runtimes report where there was no code, or no close frame (RFC 6455 section 7.4.1); Deno says 0. */
const NO_CODES: ReadonlySet<number> = new Set([0, 1005, 1006, 1015]);

/** Makes a WebSocket, and begins to connect it. */
type CreateWebSocket = (address: string, subprotocol: string) => WebSocket;

/** Dials with the WebSocket of the runtime: browsers, Deno, Bun, workerd, and Node without `ws`. */
export function webSocketDial(clock: Clock, create: CreateWebSocket = createWebSocket): Dial {
  return (address, events) => new WebSocketSocket(clock, events, () => create(address, SUBPROTOCOL_V1));
}

function createWebSocket(address: string, subprotocol: string): WebSocket {
  return new WebSocket(address, subprotocol);
}

/**
 * Each of `error`, `close` and the code is missing, or out of order, in some runtime: so the first sign ends it, and the
 * close event that may come with an `error`, in the same task, adds its code.
 */
class WebSocketSocket implements Socket {
  readonly #clock: Clock;
  readonly #events: SocketEvents;
  #socket: WebSocket | undefined;
  #timer: Timer | undefined;
  #isOpen = false;
  #isOver = false;
  /** What an `error` has told. */
  #cause: unknown;

  constructor(clock: Clock, events: SocketEvents, create: () => WebSocket) {
    this.#clock = clock;
    this.#events = events;
    try {
      this.#listen(create());
      this.#look(false);
    } catch (cause) {
      this.#failSoon(cause);
    }
  }

  get bufferedBytes(): number {
    return this.#socket?.bufferedAmount ?? 0;
  }

  send(message: string | Uint8Array<ArrayBuffer>): void {
    if (this.#isOpen && !this.#isOver) this.#socket?.send(message);
  }

  close(reason: string): void {
    // First: some runtimes tell of the end while they are called.
    this.#end({ code: 1000, reason });
    this.#socket?.close(1000, reason);
  }

  #listen(socket: WebSocket): void {
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.addEventListener("open", () => this.#opened(socket.protocol));
    socket.addEventListener("message", ({ data }: { readonly data: unknown }) => this.#received(data));
    socket.addEventListener("error", (event: Event) => {
      this.#failSoon("message" in event && event.message !== "" ? event.message : undefined);
    });
    socket.addEventListener("close", ({ code, reason }: { readonly code: number; readonly reason: string }) => {
      if (!NO_CODES.has(code)) return this.#end({ code, reason });
      this.#end({ code: undefined, reason, cause: code === 1015 ? "certificate not trusted, or no TLS" : this.#cause });
    });
  }

  #opened(subprotocol: string): void {
    if (this.#isOver || this.#isOpen) return;
    this.#isOpen = true;
    if (subprotocol === SUBPROTOCOL_V1) this.#events.onOpen();
    else {
      this.#socket?.close();
      this.#fail(`no ${SUBPROTOCOL_V1}`);
    }
  }

  #received(data: unknown): void {
    if (this.#isOver) return;
    if (typeof data === "string") this.#events.onText(data);
    else if (data instanceof ArrayBuffer) this.#events.onBytes(new Uint8Array(data));
  }

  /** A close event may still bring its code: only who is closing at two looks in a row has ended without one. */
  #look(wasClosing: boolean): void {
    this.#timer = this.#clock.after(LOOK_MS, () => {
      const isClosing = (this.#socket?.readyState ?? CLOSING) >= CLOSING;
      if (isClosing && wasClosing) this.#fail(undefined);
      else this.#look(isClosing);
    });
  }

  /** In the next task: a close event of this one may still come, and add its code. */
  #failSoon(cause: unknown): void {
    this.#cause ??= cause;
    this.#timer?.cancel();
    this.#timer = this.#clock.after(0, () => this.#fail(this.#cause));
  }

  #fail(cause: unknown): void {
    this.#end({ code: undefined, reason: "", cause });
  }

  #end(end: SocketEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#timer?.cancel();
    this.#events.onEnd(end);
  }
}
