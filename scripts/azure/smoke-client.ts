import { once } from "node:events";
import { WebSocket } from "ws";
import { SUBPROTOCOL_V1 } from "../../protocol/subprotocol.ts";
import { encodeV1ClientMessage, type V1ClientMessage } from "../../protocol/v1-client-messages.ts";
import { decodeV1RelayMessage, type V1RelayMessage } from "../../protocol/v1-relay-messages.ts";
import { PATIENCE_MS, type Trust } from "./smoke-probes.ts";

/** How to open a connection. */
export type Opening = Trust & {
  /** For a relay that wants one. It goes to nobody whose chain is not checked. */
  readonly token?: string;
};

/** The message of the relay that has this type. */
type Received<Type> = Extract<V1RelayMessage, { readonly type: Type }>;

/** A client of postern.v1 that waits for one kind of message at a time. */
export class SmokeClient {
  readonly #socket: WebSocket;
  readonly #messages: ReturnType<typeof decodeV1RelayMessage>[] = [];
  #wake: (() => void) | undefined;
  #end: string | undefined;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (bytes: Buffer) => {
      this.#messages.push(decodeV1RelayMessage(bytes.toString()));
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
    const socket = new WebSocket(url, [SUBPROTOCOL_V1], { ...trust, headers, handshakeTimeout: PATIENCE_MS });
    await once(socket, "open");
    return new SmokeClient(socket);
  }

  /** What the connection speaks. */
  tells(): string {
    return this.#socket.protocol;
  }

  send(message: V1ClientMessage): void {
    this.#socket.send(encodeV1ClientMessage(message));
  }

  /** The next message of this type; passes over others. An error is thrown, and so is what no client can read. */
  async next<Type extends V1RelayMessage["type"]>(type: Type): Promise<Received<Type>> {
    const deadlineMs = performance.now() + PATIENCE_MS;
    for (;;) {
      const message = this.#messages.shift();
      if (message?.type === type) return message as Received<Type>;
      if (message?.type === "error") throw new Error(`the relay refused: ${message.code}`);
      if (message?.type === "invalid") throw new Error(`the relay sent a message with a bad ${message.field}`);
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
