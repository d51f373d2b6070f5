import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { CloseCode } from "../../protocol/close-codes.ts";
import { STATUS_CODES } from "../node-http.ts";
import { closeFor } from "../session/access-closes.ts";
import type { AccessRefusal, Close } from "../session/ports.ts";

/** The word of a refusal, for clients that see no body. */
export const REFUSAL_HEADER = "X-Refusal";

/**
 * Why an upgrade is refused, as an HTTP answer, because no WebSocket exists yet: a closed set, it labels counts.
 * @see docs/protocol.md#transport
 */
export const upgradeRefusals = {
  "bad-request": { status: 400, text: "Bad Request" },
  "no-such-path": { status: 404, text: "Not Found" },
  "bad-handshake": { status: 400, text: "This is no WebSocket handshake" },
  "upgrade-stripped": {
    status: 426,
    text: "This WebSocket request lost its Upgrade header on the way: a proxy between you and the relay takes it out. Ask whoever runs the proxy to let WebSockets to this host through.",
  },
  subprotocol: { status: 400, text: "This relay speaks none of the versions of postern that are offered" },
  draining: { status: 503, text: "The relay restarts", retryAfterSeconds: 5 },
  address: { status: 403, text: "This address may not connect" },
  origin: { status: 403, text: "Pages of this origin may not connect" },
  memory: { status: 503, text: "The relay is short of memory", retryAfterSeconds: 30 },
  "max-connections": { status: 503, text: "The relay is full", retryAfterSeconds: 30 },
  undecided: { status: 503, text: "Too many connections have not joined yet", retryAfterSeconds: 5 },
  "address-rate": { status: 429, text: "Too many new connections from this address", retryAfterSeconds: 60 },
  "address-connections": { status: 429, text: "Too many connections from this address", retryAfterSeconds: 30 },
  returning: {
    status: 429,
    text: "This was refused a moment ago, and comes back too often: it is not looked at again yet",
    retryAfterSeconds: 60,
  },
  "check-timeout": { status: 503, text: "The credential could not be checked in time", retryAfterSeconds: 5 },
  credential: { status: 401, text: "This credential is refused" },
} as const;

/** One of the reasons above. */
export type UpgradeRefusal = keyof typeof upgradeRefusals;

/** A refusal of one upgrade. @property detail what is wrong with its credential. */
export type Refused = {
  readonly refused: UpgradeRefusal;
  readonly status: number;
  readonly detail?: AccessRefusal;
};

/** The refusal for this reason, with its own status. */
export function refusal(refused: UpgradeRefusal): Refused {
  return { refused, status: upgradeRefusals[refused].status };
}

/** The word that a client is told, and the log. */
export function wordOf({ refused, detail }: Refused): string {
  return detail ?? refused;
}

/**
 * How a page is told of it, to which the browser shows no answer to an upgrade: by the close of a WebSocket. Undefined:
 * the request is not as it should be, and there is no WebSocket to close.
 */
export function closeOf(refused: Refused): Close | undefined {
  if (refused.detail !== undefined) return closeFor(refused.detail);
  const reason = refused.refused;
  const retryAfterMs = retryAfterMsOf(refused);
  if (retryAfterMs !== undefined) return { code: CloseCode.tryAgainLater, reason, retryAfterMs };
  return refused.status === 403 ? { code: CloseCode.policyViolation, reason } : undefined;
}

/** Whether it says no, rather than not now or not like this: whoever comes back as it is gets the same again. */
export function isFinal({ status }: Refused): boolean {
  return status === 401 || status === 403;
}

/** What a request is answered by which it is refused. @property body one line. */
export type RefusalAnswer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};

/** The answer to a refused request, as far as it is the same for a WebSocket and a long poll. */
export function refusalAnswer(
  request: IncomingMessage,
  { refused, requestId }: { readonly refused: Refused; readonly requestId: string },
): RefusalAnswer {
  const { status, detail } = refused;
  return {
    status,
    headers: {
      "Content-Type": "text/plain; charset=utf-8",
      "X-Request-Id": requestId,
      [REFUSAL_HEADER]: wordOf(refused),
      ...headersFor(refused, request),
    },
    body: `${detail ?? upgradeRefusals[refused.refused].text}\n`,
  };
}

/** Answers with the HTTP status, and closes. */
export function answerRefused(
  request: IncomingMessage,
  socket: Socket,
  about: { readonly refused: Refused; readonly requestId: string },
): void {
  const { status, headers, body } = refusalAnswer(request, about);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.once("finish", () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n` +
      `Date: ${new Date().toUTCString()}\r\nConnection: close\r\n${lines.join("")}` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

function retryAfterMsOf({ refused, detail }: Refused): number | undefined {
  if (detail !== undefined) return closeFor(detail).retryAfterMs;
  const reason = upgradeRefusals[refused];
  return "retryAfterSeconds" in reason ? reason.retryAfterSeconds * 1000 : undefined;
}

/** What a refusal says beside its status. */
function headersFor(refused: Refused, request: IncomingMessage): Readonly<Record<string, string>> {
  // RFC 9110 sections 11.6.1, 10.2.3 and 10.2.1, RFC 6455 section 4.4.
  // And RFC 6750 section 3: some libraries show headers of a refusal, and no body.
  if (refused.status === 401) {
    return { "WWW-Authenticate": `Bearer error="invalid_token", error_description="${wordOf(refused)}"` };
  }
  const retryAfterMs = retryAfterMsOf(refused);
  if (retryAfterMs !== undefined) return { "Retry-After": `${retryAfterMs / 1000}` };
  if (refused.refused !== "bad-handshake") return {};
  if (refused.status === 405) return { Allow: "GET" };
  return request.headers["sec-websocket-version"] === "13" ? {} : { "Sec-WebSocket-Version": "13" };
}
