import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { WebSocket, WebSocketServer } from "ws";
import type { AccessLog } from "../observability/access-log.ts";
import type { Access, Applicant, Dialect } from "../session/ports.ts";
import type { TurnClock } from "../turn-clock.ts";
import { Flusher, type LatencySink } from "../websocket/flusher.ts";
import { type LinkOptions, type LinkParts, WebSocketLink } from "../websocket/link.ts";
import { Pacing } from "../websocket/pacing.ts";
import type { Throttle } from "../websocket/throttle.ts";
import {
  type Admission,
  askedOf,
  type Decision,
  offeredSubprotocols,
  type UpgradeRefusal,
  upgradeRefusals,
} from "./admission.ts";
import type { Reception } from "./reception.ts";
import { RequestIds } from "./request-id.ts";

/** The word of a refusal, for clients that see no body. */
const REFUSAL_HEADER = "X-Refusal";

/** What tunes the upgrade. */
export type UpgradeOptions = LinkOptions & {
  readonly flushIntervalMs: number;
};

/** What the upgrade uses. */
export type UpgradeParts = {
  readonly clock: TurnClock;
  readonly admission: Admission;
  /** Takes up those who were let in. */
  readonly reception: Reception;
  readonly throttle: Throttle;
  readonly accessLog: AccessLog;
  readonly latency: LatencySink;
  /** Told that a connection is a WebSocket now. */
  readonly onUpgraded: (socket: Socket) => void;
};

/** A request on its way to a connection: what all its steps need. */
type Attempt = {
  readonly request: IncomingMessage;
  readonly socket: Socket;
  readonly head: Buffer;
  readonly requestId: string;
  readonly applicant: Applicant;
};

/** Turns upgrade requests into connections, or refuses them before any WebSocket exists. */
export class Upgrade {
  readonly #parts: UpgradeParts;
  readonly #options: UpgradeOptions;
  readonly #server: WebSocketServer;
  readonly #linkParts: LinkParts;
  readonly #pacing: Pacing;
  readonly #requestIds = new RequestIds();

  constructor(parts: UpgradeParts, options: UpgradeOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      // Ciphertext does not shrink, and compression costs memory per connection and invites bombs.
      perMessageDeflate: false,
      handleProtocols: (offered, request) => chooseSubprotocol(parts.admission.claiming(request), offered),
      WebSocket: Handshake,
    });
    // What ws would answer by itself has no request id and is not counted: see #handshake.
    this.#server.on("wsClientError", () => undefined);
    this.#pacing = new Pacing(parts.clock);
    this.#linkParts = {
      clock: parts.clock,
      flusher: new Flusher(parts.clock, options, parts.latency),
      pacing: this.#pacing,
      throttle: parts.throttle,
    };
  }

  start(): void {
    if (this.#options.flushIntervalMs > 0) this.#pacing.start();
  }

  stop(): void {
    this.#pacing.stop();
  }

  /** Takes an `upgrade` event of the HTTP server. */
  handle(request: IncomingMessage, socket: Socket, head: Buffer): void {
    socket.on("error", ignoreSocketError);
    const { admission } = this.#parts;
    const applicant = admission.applicant(request);
    if (applicant === undefined) {
      socket.destroy();
      return;
    }
    const attempt = { request, socket, head, requestId: this.#requestIds.next(), applicant };
    const refused = admission.check(request, applicant);
    if (refused !== undefined) {
      this.#refuse(attempt, refused);
      return;
    }
    const decision = admission.decide(request);
    if (!(decision instanceof Promise)) this.#decided(attempt, decision);
    // Meanwhile nobody reads the socket: what the client sends waits in it, up to its bound, and in the network.
    else void decision.then((late) => this.#decided(attempt, late));
  }

  /**
   * Answers a request that has the key of a WebSocket handshake and no Upgrade: Squid takes it out where it intercepts, and
   * the client would else get a page with 200 and wait. @returns whether it was such a request.
   */
  answerStripped(request: IncomingMessage, response: ServerResponse): boolean {
    const { admission, accessLog } = this.#parts;
    if (request.headers["sec-websocket-key"] === undefined || admission.claiming(request).length === 0) return false;
    const clientAddress = admission.addressOf(request);
    if (clientAddress === undefined) return false;
    const { status, text } = upgradeRefusals["upgrade-stripped"];
    const requestId = this.#requestIds.next();
    admission.refused("upgrade-stripped");
    accessLog.refused({ requestId, clientAddress }, "upgrade-stripped", status);
    response.shouldKeepAlive = false;
    // RFC 9110 section 15.5.22.
    response.writeHead(status, {
      upgrade: "websocket",
      connection: "Upgrade, close",
      "content-type": "text/plain; charset=utf-8",
      "content-length": Buffer.byteLength(text) + 1,
      "cache-control": "no-store",
      "x-request-id": requestId,
      [REFUSAL_HEADER]: "upgrade-stripped",
    });
    response.end(`${text}\n`);
    return true;
  }

  #decided(attempt: Attempt, decision: Decision): void {
    if ("access" in decision) {
      this.#handshake(attempt, decision.access);
      return;
    }
    this.#parts.admission.left(attempt.applicant);
    this.#refuse(attempt, decision.refused, decision);
  }

  #handshake(attempt: Attempt, access: Access): void {
    const { request, socket, head } = attempt;
    // React Native and Deno send an empty list, which ws refuses.
    if (offeredSubprotocols(request).length === 0) delete request.headers["sec-websocket-protocol"];
    let isOpen = false;
    this.#server.handleUpgrade(request, socket, head, ({ protocol }: WebSocket) => {
      isOpen = true;
      socket.removeListener("error", ignoreSocketError);
      this.#opened(attempt, access, protocol);
    });
    // ws calls back at once, or has found something wrong with the request.
    if (isOpen) return;
    access.release();
    this.#parts.admission.left(attempt.applicant);
    this.#refuse(attempt, "bad-handshake", { status: request.method === "GET" ? 400 : 405 });
  }

  #opened({ request, socket, head, requestId, applicant }: Attempt, access: Access, subprotocol: string): void {
    const [first, ...others] = this.#parts.admission.claiming(request);
    // It was claimed when it was checked, and dialects do not change.
    if (first === undefined) return;
    const candidates: Candidates = [first, ...others];
    const maxFrameBytes = maxMessageBytesOf(candidates, this.#options.maxFrameBytes);
    const link = new WebSocketLink(this.#linkParts, socket, { ...this.#options, maxFrameBytes });
    const opening = { ...askedOf(request), subprotocol };
    this.#parts.onUpgraded(socket);
    this.#parts.reception.open({ link, access, applicant, requestId, opening, candidates }, head);
  }

  #refuse(
    { request, socket, requestId, applicant: { clientAddress } }: Attempt,
    refused: UpgradeRefusal,
    { status = upgradeRefusals[refused].status, detail }: { readonly status?: number; readonly detail?: string } = {},
  ): void {
    this.#parts.admission.refused(refused);
    this.#parts.accessLog.refused({ requestId, clientAddress }, detail ?? refused, status);
    if (socket.destroyed) return;
    const word = detail ?? refused;
    const headers = [
      `X-Request-Id: ${requestId}`,
      `${REFUSAL_HEADER}: ${word}`,
      ...headersFor(refused, status, request, word),
    ];
    refuse(socket, status, headers, detail ?? upgradeRefusals[refused].text);
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

/** What the first dialect that knows one of them chooses. */
function chooseSubprotocol(claiming: readonly Dialect[], offered: ReadonlySet<string>): string | false {
  for (const dialect of claiming) {
    const chosen = dialect.chooseSubprotocol(offered);
    if (chosen !== undefined) return chosen;
  }
  return false;
}

type Candidates = readonly [Dialect, ...Dialect[]];

/** Until it is known which of them it is, a message may be as large as the most generous of them takes. */
function maxMessageBytesOf(candidates: Candidates, maxFrameBytes: number): number {
  const bounds = candidates.map(({ maxMessageBytes = maxFrameBytes }) => maxMessageBytes);
  return Math.min(maxFrameBytes, Math.max(...bounds));
}

/** What a refusal says beside its status. */
function headersFor(
  refused: UpgradeRefusal,
  status: number,
  request: IncomingMessage,
  word: string,
): readonly string[] {
  const refusal = upgradeRefusals[refused];
  // RFC 9110 sections 11.6.1, 10.2.3 and 10.2.1, RFC 6455 section 4.4.
  // And RFC 6750 section 3: some libraries show headers of a refusal, and no body.
  if (status === 401) return [`WWW-Authenticate: Bearer error="invalid_token", error_description="${word}"`];
  if ("retryAfterSeconds" in refusal) return [`Retry-After: ${refusal.retryAfterSeconds}`];
  if (refused !== "bad-handshake") return [];
  if (status === 405) return ["Allow: GET"];
  return request.headers["sec-websocket-version"] === "13" ? [] : ["Sec-WebSocket-Version: 13"];
}

function refuse(socket: Duplex, status: number, headers: readonly string[], text: string): void {
  const body = `${text}\n`;
  socket.once("finish", () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n` +
      `Date: ${new Date().toUTCString()}\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n${headers.map((line) => `${line}\r\n`).join("")}` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

/** A peer that resets while its upgrade is answered is gone, and that is all. */
function ignoreSocketError(): void {
  // Nothing to do: the socket is destroyed by Node after this event.
}
