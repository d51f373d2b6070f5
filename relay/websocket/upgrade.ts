import { type IncomingMessage, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Logger } from "pino";
import { WebSocket, WebSocketServer } from "ws";
import { CloseCode } from "../../protocol/close-codes.ts";
import { SUBPROTOCOL_V1 } from "../../protocol/subprotocol.ts";
import type { Clock } from "../clock.ts";
import type { Link, Session } from "../hub/ports.ts";
import type { Connections } from "./connections.ts";
import { Flusher } from "./flusher.ts";
import { type LinkParts, WebSocketLink } from "./link.ts";
import { Pacing } from "./pacing.ts";

/** What tunes the upgrade. */
export type UpgradeOptions = {
  readonly maxFrameBytes: number;
  readonly maxConnections: number;
  /** How long a closed connection may take to send what is queued and to answer the close. */
  readonly closeTimeoutMs: number;
  readonly flushIntervalMs: number;
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
  readonly #linkParts: LinkParts;
  readonly #pacing: Pacing;
  #connectionNumber = 0;
  #isDraining = false;

  constructor(parts: UpgradeParts, options: UpgradeOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      // Ciphertext does not shrink, and compression costs memory per connection and invites bombs.
      perMessageDeflate: false,
      handleProtocols: chooseSubprotocol,
      WebSocket: Handshake,
    });
    this.#pacing = new Pacing(parts.clock);
    this.#linkParts = {
      clock: parts.clock,
      flusher: new Flusher(parts.clock, options),
      pacing: this.#pacing,
      onDefect: (link, error) => this.#failed(link, error),
      onEnd: (link, closeCode) => this.#ended(link, closeCode),
    };
  }

  start(): void {
    if (this.#options.flushIntervalMs > 0) this.#pacing.start();
  }

  /** From now on every upgrade is refused with 503. */
  drain(): void {
    this.#isDraining = true;
    this.#pacing.stop();
  }

  /** Takes an `upgrade` event of the HTTP server. */
  handle(request: IncomingMessage, socket: Socket, head: Buffer): void {
    socket.on("error", ignoreSocketError);
    const refusal = this.#refusalOf(request);
    if (refusal !== undefined) {
      refuse(socket, refusal);
      return;
    }
    this.#server.handleUpgrade(request, socket, head, ({ protocol }: WebSocket) => {
      socket.removeListener("error", ignoreSocketError);
      this.#open(protocol, socket, head);
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

  #open(subprotocol: string, socket: Socket, head: Buffer): void {
    const { log, connections, openSession } = this.#parts;
    this.#connectionNumber += 1;
    const link = new WebSocketLink(this.#linkParts, socket, this.#connectionNumber, this.#options);
    const session = openSession(link, subprotocol);
    connections.add(link, session);
    const dialect = subprotocol === SUBPROTOCOL_V1 ? SUBPROTOCOL_V1 : "seed";
    log.debug({ connection: link.connectionNumber, subprotocol: dialect }, "connected");
    link.attach(session, head);
  }

  #failed(link: WebSocketLink, error: unknown): void {
    this.#parts.log.error({ connection: link.connectionNumber, err: error }, "session failed");
    this.#parts.connections.sessionOf(link)?.end();
    link.close(CloseCode.internalError, "internal error");
  }

  #ended(link: WebSocketLink, closeCode: number): void {
    this.#parts.connections.remove(link);
    this.#parts.log.debug({ connection: link.connectionNumber, closeCode }, "disconnected");
  }
}

/**
 * What ws makes of an accepted handshake. It would now read and write the socket; here it does not, and the socket stays
 * with the caller: reading and writing frames is the hot path, and our own (link.ts).
 */
class Handshake extends WebSocket {
  setSocket(): void {
    // Nothing: see above. A test fails if ws should come to use another way.
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
