import { type IncomingMessage, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import type { Logger } from "pino";
import { type ServerOptions, type WebSocket, WebSocketServer } from "ws";
import { CloseCode } from "../../protocol/close-codes.ts";
import { SUBPROTOCOL_V1 } from "../../protocol/subprotocol.ts";
import type { Clock } from "../clock.ts";
import type { Link, Session } from "../hub/ports.ts";
import type { Connections } from "./connections.ts";
import { WebSocketLink } from "./link.ts";

/** Reads that one unfinished frame may take. */
const MAX_FRAME_PIECES = 16_384;

/** What tunes the upgrade. */
export type UpgradeOptions = {
  readonly maxFrameBytes: number;
  readonly maxConnections: number;
  /** How long a closed connection may take to send what is queued and to answer the close. */
  readonly closeTimeoutMs: number;
};

/** What the upgrade uses. */
export type UpgradeParts = {
  readonly clock: Clock;
  readonly log: Logger;
  readonly connections: Connections;
  readonly openSession: (link: Link, subprotocol: string) => Session;
};

/** Why an upgrade was refused, as an HTTP answer: no WebSocket exists yet. */
type Refusal = { readonly status: number; readonly text: string; readonly retryAfterSeconds?: number };

/** Turns upgrade requests into connections, or refuses them before any WebSocket exists. */
export class Upgrade {
  readonly #parts: UpgradeParts;
  readonly #options: UpgradeOptions;
  readonly #server: WebSocketServer;
  #connectionNumber = 0;
  #isDraining = false;

  constructor(parts: UpgradeParts, options: UpgradeOptions) {
    this.#parts = parts;
    this.#options = options;
    // Two of them are younger than the type package.
    const serverOptions: ServerOptions & { readonly closeTimeout: number; readonly maxBufferedChunks: number } = {
      noServer: true,
      clientTracking: false,
      // Ciphertext does not shrink, and compression costs memory per connection and invites bombs.
      perMessageDeflate: false,
      maxPayload: options.maxFrameBytes,
      // A frame in crumbs costs about 350 bytes for each; 4 MiB in packets of 1.4 KB are 3,000 pieces.
      maxBufferedChunks: MAX_FRAME_PIECES,
      closeTimeout: options.closeTimeoutMs,
      handleProtocols: chooseSubprotocol,
    };
    this.#server = new WebSocketServer(serverOptions);
  }

  /** From now on every upgrade is refused with 503. */
  drain(): void {
    this.#isDraining = true;
  }

  /** Takes an `upgrade` event of the HTTP server. */
  handle(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", ignoreSocketError);
    const refusal = this.#refusalOf(request);
    if (refusal !== undefined) {
      refuse(socket, refusal);
      return;
    }
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      socket.removeListener("error", ignoreSocketError);
      this.#open(webSocket, socket);
    });
  }

  #refusalOf(request: IncomingMessage): Refusal | undefined {
    // RFC 9112 section 3.2; Node sees to it for plain requests alone.
    if (request.headers.host === undefined) return { status: 400, text: "Bad Request" };
    if (!isRelayPath(request.url ?? "")) return { status: 404, text: "Not Found" };
    if (this.#isDraining) return { status: 503, text: "The relay restarts", retryAfterSeconds: 5 };
    if (this.#parts.connections.count >= this.#options.maxConnections) {
      return { status: 503, text: "The relay is full", retryAfterSeconds: 30 };
    }
    return undefined;
  }

  #open(webSocket: WebSocket, socket: Duplex): void {
    const { clock, log, connections, openSession } = this.#parts;
    this.#connectionNumber += 1;
    const connection = this.#connectionNumber;
    const link = new WebSocketLink(webSocket, socket, connection, clock.monotonicMs());
    const session = openSession(link, webSocket.protocol);
    connections.add(link, session);
    log.debug(
      { connection, subprotocol: webSocket.protocol === SUBPROTOCOL_V1 ? SUBPROTOCOL_V1 : "seed" },
      "connected",
    );
    link.attach(
      session,
      (error) => {
        log.error({ connection, err: error }, "session failed");
        session.end();
        link.close(CloseCode.internalError, "internal error");
      },
      (closeCode) => {
        connections.remove(link);
        log.debug({ connection, closeCode }, "disconnected");
      },
    );
  }
}

/**
 * The paths on which the topic protocol is spoken: `/` and, for configured prefixes, `/plures` and below.
 * @param url a request target (RFC 9112 section 3.2.1); its query does not matter.
 */
function isRelayPath(url: string): boolean {
  const path = url.split("?", 1)[0];
  return path === "/" || path === "/plures" || path?.startsWith("/plures/") === true;
}

/** Ours where offered; else the first, as the seed's server does: browsers give up when none of theirs is chosen. */
function chooseSubprotocol(offered: Set<string>): string | false {
  if (offered.has(SUBPROTOCOL_V1)) return SUBPROTOCOL_V1;
  const [first] = offered;
  return first ?? false;
}

function refuse(socket: Duplex, { status, text, retryAfterSeconds }: Refusal): void {
  const retryAfter = retryAfterSeconds === undefined ? "" : `Retry-After: ${retryAfterSeconds}\r\n`;
  const body = `${text}\n`;
  socket.once("finish", () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n` +
      `Connection: close\r\nContent-Type: text/plain; charset=utf-8\r\n${retryAfter}` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

/** A peer that resets while its upgrade is answered is gone, and that is all. */
function ignoreSocketError(): void {
  // Nothing to do: the socket is destroyed by Node after this event.
}
