import { once } from "node:events";
import { expect, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { encodeClassicClientMessage } from "../../protocol/classic-client-messages.ts";
import { decodeClassicRelayMessage } from "../../protocol/classic-relay-messages.ts";
import { SUBPROTOCOL_V1 } from "../../protocol/subprotocol.ts";
import { decodeBinaryRelayData } from "../../protocol/v1-binary.ts";
import { encodeV1ClientMessage } from "../../protocol/v1-client-messages.ts";
import { decodeV1MailboxRelayMessage } from "../../protocol/v1-mailbox-messages.ts";
import { decodeV1RelayMessage } from "../../protocol/v1-relay-messages.ts";
import { PATIENCE_MS } from "./patience.ts";
import type { TestRelay } from "./relay.ts";

/** What the relay sends, as parsed JSON. */
export type Received = Readonly<Record<string, unknown>>;

/** How to open a client. */
export type ClientOptions = {
  readonly path?: string;
  readonly subprotocols?: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
};

/**
 * A real `ws` client over TLS that keeps what it receives until a test asks for it. What a test sends and compares is as
 * it is on the wire; beside that, everything that comes has to be what a client of `protocol/` can read.
 */
export class Client {
  readonly socket: WebSocket;
  /** Every text frame as it came, oldest first; `next` does not take from it. */
  readonly texts: string[] = [];
  /** What came and is none of the relay's messages. */
  readonly #unreadable: object[] = [];
  readonly #closed: Promise<{ readonly code: number; readonly reason: string }>;
  #read = 0;
  #wake: (() => void) | undefined;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on("message", (bytes: Buffer, isBinary) => {
      this.texts.push(isBinary ? `binary ${bytes.toString("hex")}` : bytes.toString());
      this.#readAsClient(bytes, isBinary);
      this.#wake?.();
    });
    socket.on("error", () => this.#wake?.());
    this.#closed = new Promise((resolve) => {
      socket.on("close", (code, reason) => {
        resolve({ code, reason: reason.toString() });
        this.#wake?.();
      });
    });
  }

  /** Opens a client that is terminated when the test ends. */
  static async open(
    relay: TestRelay,
    { path = "/", subprotocols = [], headers = {} }: ClientOptions = {},
  ): Promise<Client> {
    const socket = new WebSocket(`${relay.url}${path}`, [...subprotocols], { ca: relay.certificate, headers });
    const client = new Client(socket);
    onTestFinished(() => {
      socket.terminate();
      expect(client.#unreadable).toEqual([]);
    });
    await once(socket, "open");
    return client;
  }

  /** Opens a client of `postern.v1`. */
  static async openV1(relay: TestRelay): Promise<Client> {
    return Client.open(relay, { subprotocols: [SUBPROTOCOL_V1] });
  }

  /** Sends an object as JSON text, a string as text, bytes as a binary frame. */
  send(message: object | string | Uint8Array): void {
    if (typeof message === "string" || message instanceof Uint8Array) this.socket.send(message);
    else this.socket.send(JSON.stringify(message));
  }

  /** The next message that has not been asked for. */
  async next(): Promise<Received> {
    const deadline = AbortSignal.timeout(PATIENCE_MS);
    while (this.#read >= this.texts.length) {
      if (this.socket.readyState === WebSocket.CLOSED) throw new Error("closed while a message was awaited");
      await this.#woken(deadline);
    }
    const text = this.texts[this.#read] ?? "";
    this.#read += 1;
    return JSON.parse(text) as Received;
  }

  /** The next so many messages. */
  async take(count: number): Promise<Received[]> {
    const messages = [];
    for (let index = 0; index < count; index += 1) messages.push(await this.next());
    return messages;
  }

  /** Resolves when the relay has taken all that was sent before: a ping goes behind it, its pong comes back. */
  async settled(): Promise<void> {
    this.socket.ping();
    await once(this.socket, "pong", { signal: AbortSignal.timeout(PATIENCE_MS) });
  }

  /** Asserts that nothing has come that was not asked for. */
  async expectNothing(): Promise<void> {
    await this.settled();
    expect(this.texts.slice(this.#read)).toEqual([]);
  }

  /** The close code and reason; waits for the close. */
  async closed(): Promise<{ readonly code: number; readonly reason: string }> {
    const deadline = AbortSignal.timeout(PATIENCE_MS);
    return Promise.race([this.#closed, rejection(deadline)]);
  }

  #readAsClient(bytes: Buffer, isBinary: boolean): void {
    const decodeText = this.socket.protocol === SUBPROTOCOL_V1 ? decodeV1 : decodeClassicRelayMessage;
    const message = isBinary ? decodeBinaryRelayData(bytes) : decodeText(bytes.toString());
    if (message.type === "unknown" || message.type === "invalid") this.#unreadable.push(message);
  }

  async #woken(deadline: AbortSignal): Promise<void> {
    await Promise.race([
      new Promise<void>((resolve) => {
        this.#wake = resolve;
      }),
      rejection(deadline),
    ]);
  }
}

/** What is about mailboxes is read by those who have some. */
function decodeV1(text: string): { readonly type: string } {
  const message = decodeV1RelayMessage(text);
  return message.type === "unknown" ? decodeV1MailboxRelayMessage(text) : message;
}

/** Joins a topic as a classic client and waits until the relay has taken the join. */
export async function openClassic(relay: TestRelay, topic: string, peerId?: string): Promise<Client> {
  const client = await Client.open(relay);
  client.send(encodeClassicClientMessage({ type: "join", topic, peerId }));
  await client.settled();
  return client;
}

/** Joins a topic as a v1 client. */
export async function openV1(relay: TestRelay, topic: string, peerId?: string): Promise<[Client, Received]> {
  const client = await Client.openV1(relay);
  client.send(encodeV1ClientMessage({ type: "join", topic, peerId }));
  return [client, await client.next()];
}

async function rejection(signal: AbortSignal): Promise<never> {
  await once(signal, "abort");
  throw new Error(`nothing came in ${PATIENCE_MS} ms`);
}
