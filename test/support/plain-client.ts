import { once } from "node:events";
import { expect, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { eventually } from "./eventually.ts";
import type { TestRelay } from "./relay.ts";

/** How to dial. */
export type PlainOptions = {
  readonly headers?: Readonly<Record<string, string>>;
  readonly subprotocols?: readonly string[];
  /** Another port of the relay's. */
  readonly url?: string;
};

/** A WebSocket client that knows no protocol: it keeps what comes, text as it is and bytes as `binary <hex>`. */
export class PlainClient {
  readonly socket: WebSocket;
  readonly heard: string[] = [];
  readonly #closed: Promise<{ readonly code: number; readonly reason: string }>;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on("message", (bytes: Buffer, isBinary) => {
      this.heard.push(isBinary ? `binary ${bytes.toString("hex")}` : bytes.toString());
    });
    this.#closed = once(socket, "close").then(([code, reason]) => ({ code, reason: String(reason) }));
  }

  /** Opens one that is terminated when the test ends. */
  static async open(
    { url: ownUrl, certificate }: Pick<TestRelay, "url" | "certificate">,
    path: string,
    { headers = {}, subprotocols = [], url = ownUrl }: PlainOptions = {},
  ): Promise<PlainClient> {
    const socket = new WebSocket(`${url}${path}`, [...subprotocols], { ca: certificate, headers });
    onTestFinished(() => socket.terminate());
    const client = new PlainClient(socket);
    await once(socket, "open");
    return client;
  }

  send(message: string | Uint8Array): void {
    this.socket.send(message);
  }

  /** Resolves when the relay has taken all that was sent before. */
  async settled(): Promise<void> {
    this.socket.ping();
    await once(this.socket, "pong");
  }

  /** Waits until just this has come. */
  async hears(...expected: readonly string[]): Promise<void> {
    await eventually(() => expect(this.heard).toEqual(expected));
  }

  closed(): Promise<{ readonly code: number; readonly reason: string }> {
    return this.#closed;
  }
}

/** What comes of an upgrade request: the status of its refusal, or `open`. */
export async function statusOfUpgrade(
  { url, certificate }: Pick<TestRelay, "url" | "certificate">,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<number | undefined | "open"> {
  const socket = new WebSocket(`${url}${path}`, { ca: certificate, headers });
  socket.on("error", () => undefined);
  try {
    return await new Promise((resolve) => {
      socket.on("unexpected-response", (_, response) => resolve(response.statusCode));
      socket.on("open", () => resolve("open"));
    });
  } finally {
    socket.terminate();
  }
}
