import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import type { Link, Session } from "../hub/ports.ts";

const TEXT = { binary: false } as const;

/** A stream that counts what it has read, as every Node socket does. */
type CountingSocket = Duplex & { readonly bytesRead?: number };

/** One WebSocket: carries frames for the hub, gives messages to its session, and knows whether it was heard of. */
export class WebSocketLink implements Link {
  /** Distinguishes connections in the log. */
  readonly connectionNumber: number;
  readonly openedAtMs: number;
  readonly #webSocket: WebSocket;
  readonly #socket: CountingSocket;
  #bytesHeard = -1;

  constructor(webSocket: WebSocket, socket: CountingSocket, connectionNumber: number, openedAtMs: number) {
    this.#webSocket = webSocket;
    this.#socket = socket;
    this.connectionNumber = connectionNumber;
    this.openedAtMs = openedAtMs;
  }

  get bufferedBytes(): number {
    return this.#webSocket.bufferedAmount;
  }

  send(frame: Uint8Array): void {
    if (this.#isOpen()) this.#webSocket.send(frame, TEXT);
  }

  close(code: number, reason: string): void {
    this.#webSocket.close(code, reason);
  }

  /** Ends the connection at once, without a close frame. */
  terminate(): void {
    this.#webSocket.terminate();
  }

  ping(): void {
    if (this.#isOpen()) this.#webSocket.ping();
  }

  /**
   * Whether any byte came in since this was last asked (the first time: ever). Asking the socket's own count keeps the
   * hot path free of book-keeping, and sees pongs and the parts of a large frame on a slow line too.
   */
  wasHeard(): boolean {
    const bytesRead = this.#socket.bytesRead ?? 0;
    const wasHeard = bytesRead !== this.#bytesHeard;
    this.#bytesHeard = bytesRead;
    return wasHeard;
  }

  /**
   * Starts the conversation. A defect in the session closes this connection alone, with 1011.
   * @param onDefect told of such a defect. @param onEnd told once, when the socket is gone.
   */
  attach(session: Session, onDefect: (error: unknown) => void, onEnd: (closeCode: number) => void): void {
    this.#webSocket.on("message", (message: Uint8Array, isBinary) => {
      try {
        session.receive(message, isBinary);
      } catch (error) {
        onDefect(error);
      }
    });
    // After a broken frame ws answers with its close code and waits for the peer; the topics need not wait with it.
    this.#webSocket.on("error", () => session.end());
    this.#webSocket.on("close", (closeCode) => {
      session.end();
      onEnd(closeCode);
    });
  }

  #isOpen(): boolean {
    return this.#webSocket.readyState === this.#webSocket.OPEN;
  }
}
