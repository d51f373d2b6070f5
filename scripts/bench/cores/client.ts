import type { IncomingMessage } from "node:http";
import type { TLSSocket } from "node:tls";
import { WebSocket } from "ws";
import { type ClassicClientMessage, encodeClassicClientMessage } from "../../../protocol/classic-client-messages.ts";

/** What became of an attempt to connect: which relay answered, by its certificate; or how it failed. */
export type Outcome = { readonly certificate: string } | { readonly failure: string };

/** Attempts that nobody answers. */
const TIMEOUT_MS = 10_000;

/** A connection that is being made, or made; it ends up open unless it fails. */
export class Client {
  readonly socket: WebSocket;
  /** Resolves when the upgrade is answered, or fails. Never rejects. */
  readonly outcome: Promise<Outcome>;

  constructor(port: number) {
    this.socket = new WebSocket(`wss://127.0.0.1:${port}`, {
      rejectUnauthorized: false,
      handshakeTimeout: TIMEOUT_MS,
      // A full handshake each time: Node's client would resume otherwise where the certificate happens to be the same.
      agent: false,
      ecdhCurve: "P-256",
      ciphers: "TLS_AES_128_GCM_SHA256",
    });
    this.outcome = new Promise((resolve) => {
      this.socket.on("upgrade", ({ socket }: IncomingMessage) => {
        resolve({ certificate: (socket as TLSSocket).getPeerCertificate().fingerprint256 });
      });
      this.socket.on("unexpected-response", (_request, { statusCode }: IncomingMessage) => {
        resolve({ failure: `answered ${statusCode}` });
        this.socket.terminate();
      });
      this.socket.on("error", (error: NodeJS.ErrnoException) => resolve({ failure: error.code ?? error.message }));
    });
  }

  send(message: ClassicClientMessage): void {
    this.socket.send(encodeClassicClientMessage(message));
  }

  /** Joins a topic, and resolves when the relay has taken that: the pong comes behind it. */
  async join(topic: string, peerId: string): Promise<void> {
    if (this.socket.readyState !== WebSocket.OPEN) await heard(this.socket, "open");
    this.send({ type: "join", topic, peerId });
    this.socket.ping();
    await heard(this.socket, "pong");
  }

  /** Closes in the regular way, and resolves when that is done. */
  async close(): Promise<void> {
    const closed = heard(this.socket, "close");
    this.socket.close();
    await closed;
  }
}

/** Resolves with the event or with the end of the connection. */
function heard(socket: WebSocket, event: "open" | "pong" | "close"): Promise<void> {
  return new Promise((resolve) => {
    socket.once(event, () => resolve());
    if (event !== "close") socket.once("close", () => resolve());
  });
}
