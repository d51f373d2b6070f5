import { once } from "node:events";
import { WebSocket } from "ws";
import { PATIENCE_MS, type Trust } from "./smoke-probes.ts";

/** How to open a connection. */
export type Opening = Trust & {
  /** For a relay that wants one. It goes to nobody whose chain is not checked. */
  readonly token?: string;
};

/** What a relay sends to a client of postern.v1. */
type Received = Readonly<Record<string, unknown>> & { readonly type?: unknown };

/** A client of postern.v1 that waits for one kind of message at a time. */
export class SmokeClient {
  readonly #socket: WebSocket;
  readonly #messages: Received[] = [];
  #wake: (() => void) | undefined;
  #end: string | undefined;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (bytes: Buffer) => {
      this.#messages.push(JSON.parse(bytes.toString()) as Received);
      this.#wake?.();
    });
    socket.on("close", (code) => {
      this.#end = `the relay closed the connection with ${code}`;
      this.#wake?.();
    });
    socket.on("error", () => undefined);
  }

  /** Opens a connection. @throws where the relay cannot be reached, trusted, or refuses. */
  static async open(url: URL, { isUntrusted, ca, token }: Opening): Promise<SmokeClient> {
    if (token !== undefined && isUntrusted) {
      throw new Error("a token goes to nobody whose certificate is not checked: name its authority with --ca-file");
    }
    const trust = { rejectUnauthorized: !isUntrusted, ...(ca === undefined ? {} : { ca }) };
    const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
    const socket = new WebSocket(url, ["postern.v1"], { ...trust, headers, handshakeTimeout: PATIENCE_MS });
    await once(socket, "open");
    return new SmokeClient(socket);
  }

  /** What the connection speaks. */
  tells(): string {
    return this.#socket.protocol;
  }

  send(message: object): void {
    this.#socket.send(JSON.stringify(message));
  }

  /** The next message of this type; passes over others, but for an error, which is thrown. */
  async next(type: string): Promise<Received> {
    const deadlineMs = performance.now() + PATIENCE_MS;
    for (;;) {
      const message = this.#messages.shift();
      if (message?.type === type) return message;
      if (message?.type === "error") throw new Error(`the relay refused: ${String(message["code"])}`);
      if (message !== undefined) continue;
      if (this.#end !== undefined) throw new Error(this.#end);
      if (performance.now() > deadlineMs) throw new Error(`no ${type} in ${PATIENCE_MS} ms`);
      await this.#woken(deadlineMs - performance.now());
    }
  }

  /** Ends the connection without waiting. */
  end(): void {
    this.#socket.close(1000);
    this.#socket.removeAllListeners("message");
  }

  #woken(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
