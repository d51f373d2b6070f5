import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { WebSocket, WebSocketServer } from "ws";
import type { AccessLog } from "../observability/access-log.ts";
import type { Access, Applicant } from "../session/ports.ts";
import type { TurnClock } from "../turn-clock.ts";
import type { Flusher } from "../websocket/flusher.ts";
import { type LinkOptions, type LinkParts, WebSocketLink } from "../websocket/link.ts";
import { Pacing } from "../websocket/pacing.ts";
import type { Throttle } from "../websocket/throttle.ts";
import { type Admission, type Decision, offeredSubprotocols } from "./admission.ts";
import { HeldAnswers } from "./held-answers.ts";
import { candidatesOf, choiceOf, heldBackMs, maxMessageBytesOf, openingOf } from "./opening.ts";
import type { Reception } from "./reception.ts";
import { RequestIds } from "./request-id.ts";
import { type Farewell, ToldRefusals } from "./told-refusals.ts";
import {
  answerRefused,
  closeOf,
  REFUSAL_HEADER,
  type Refused,
  refusal,
  upgradeRefusals,
  wordOf,
} from "./upgrade-refusals.ts";

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
  /** Of all links: what goes to both kinds is joined once. */
  readonly flusher: Flusher;
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
  readonly #told: ToldRefusals;
  readonly #answers: HeldAnswers;
  readonly #requestIds = new RequestIds();

  constructor(parts: UpgradeParts, options: UpgradeOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      // Ciphertext does not shrink, and compression costs memory per connection and invites bombs.
      perMessageDeflate: false,
      handleProtocols: (offered, request) =>
        choiceOf(parts.admission.claiming(request).dialects, offered)?.subprotocol ?? false,
      WebSocket: Handshake,
    });
    // What ws would answer by itself has no request id and is not counted: see #handshake.
    this.#server.on("wsClientError", () => undefined);
    this.#pacing = new Pacing(parts.clock);
    this.#linkParts = {
      clock: parts.clock,
      flusher: parts.flusher,
      pacing: this.#pacing,
      throttle: parts.throttle,
    };
    this.#answers = new HeldAnswers(parts.clock);
    this.#told = new ToldRefusals(this.#linkParts, options);
  }

  start(): void {
    if (this.#options.flushIntervalMs > 0) this.#pacing.start();
  }

  stop(): void {
    this.#pacing.stop();
    this.#told.stop();
    this.#answers.stop();
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
      this.#refuse(attempt, refusal(refused));
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
    if (request.headers["sec-websocket-key"] === undefined || admission.claiming(request).dialects.length === 0)
      return false;
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
    this.#refuse(attempt, decision);
  }

  #handshake(attempt: Attempt, access: Access): void {
    const subprotocol = this.#accept(attempt);
    if (subprotocol !== undefined) {
      this.#opened(attempt, access, subprotocol);
      return;
    }
    access.release();
    this.#parts.admission.left(attempt.applicant);
    this.#refuse(attempt, { refused: "bad-handshake", status: attempt.request.method === "GET" ? 400 : 405 });
  }

  /** Answers the handshake. @returns the subprotocol that was chosen; undefined: something is wrong with the request. */
  #accept({ request, socket, head }: Attempt): string | undefined {
    // React Native and Deno send an empty list, which ws refuses.
    if (offeredSubprotocols(request).length === 0) delete request.headers["sec-websocket-protocol"];
    let subprotocol: string | undefined;
    // ws calls back at once, or has found something wrong.
    this.#server.handleUpgrade(request, socket, head, ({ protocol }: WebSocket) => {
      subprotocol = protocol;
      socket.removeListener("error", ignoreSocketError);
    });
    return subprotocol;
  }

  #opened({ request, socket, head, requestId, applicant }: Attempt, access: Access, subprotocol: string): void {
    const { asked, dialects } = this.#parts.admission.claiming(request);
    const candidates = candidatesOf(dialects);
    // It was claimed when it was checked, and dialects do not change.
    if (candidates === undefined) return;
    const maxFrameBytes = maxMessageBytesOf(candidates, this.#options.maxFrameBytes);
    const link = new WebSocketLink(this.#linkParts, socket, { ...this.#options, maxFrameBytes });
    const opening = openingOf(request, asked, subprotocol);
    this.#parts.onUpgraded(socket);
    this.#parts.reception.open({ link, access, applicant, requestId, opening, candidates }, head);
  }

  #refuse(attempt: Attempt, refused: Refused): void {
    const { request, socket, requestId, applicant } = attempt;
    this.#parts.admission.refused(refused.refused);
    const { clientAddress } = applicant;
    this.#parts.accessLog.refused({ requestId, clientAddress }, wordOf(refused), refused.status);
    if (socket.destroyed) return;
    const delayMs = heldBackMs(applicant, refused);
    // Who comes back too often is told in the cheapest way.
    const farewell = delayMs === 0 ? this.#farewellOf(attempt, refused) : undefined;
    if (farewell !== undefined && this.#accept(attempt) !== undefined) this.#told.tell(socket, attempt.head, farewell);
    else
      this.#answers.hold(delayMs, () => {
        if (!socket.destroyed) answerRefused(request, socket, { refused, requestId });
      });
  }

  /** What a page is told, to which the browser would show 1006 alone; undefined: the HTTP answer has to do. */
  #farewellOf({ request, requestId }: Attempt, refused: Refused): Farewell | undefined {
    const close = closeOf(refused);
    if (close === undefined || request.headers.origin === undefined || !this.#told.hasRoom) return undefined;
    const offered = new Set(offeredSubprotocols(request));
    const { asked, dialects } = this.#parts.admission.claiming(request);
    const { dialect, subprotocol } = choiceOf(dialects, offered) ?? {};
    // Browsers give up when none of theirs is chosen: that would be 1006 all the same.
    if (subprotocol === undefined) return offered.size > 0 ? undefined : { close, lastWord: undefined };
    const { reason, retryAfterMs } = close;
    const of = refused.detail === undefined ? "connection" : "credential";
    const opening = openingOf(request, asked, subprotocol);
    return { close, lastWord: dialect?.refusalFrame?.(opening, { of, reason, requestId, retryAfterMs }) };
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

/** A peer that resets while its upgrade is answered is gone, and that is all. */
function ignoreSocketError(): void {
  // Nothing to do: the socket is destroyed by Node after this event.
}
