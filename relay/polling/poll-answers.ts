import type { IncomingMessage, ServerResponse } from "node:http";
import { PollHeader, VERDICT_BYTES, type Verdict } from "../../protocol/polling.ts";
import type { PollRefusal } from "./ports.ts";

/**
 * Pages of every site may ask (Fetch standard, CORS protocol): nothing but the token in the request says who it is, and a
 * browser adds nothing of its own.
 */
const SHARED_HEADERS = {
  "access-control-allow-origin": "*",
  "access-control-expose-headers": `${PollHeader.number}, ${PollHeader.limit}, x-refusal, x-request-id, retry-after`,
  // RFC 9111 section 5.2.2, and no proxy is to make it smaller.
  "cache-control": "no-store, no-transform",
  "x-content-type-options": "nosniff",
} as const;

/** How long a browser need not ask again: as long as it keeps that. */
const PERMISSION_SECONDS = 7200;

/** The request is none of a long poll. */
export const BAD_REQUEST: PollRefusal = {
  status: 400,
  headers: { "X-Refusal": "bad-request" },
  body: "This is no request of a long poll\n",
};

/** Its number is further ahead than it may be, or it names what was never given. */
export const BAD_NUMBER: PollRefusal = {
  status: 400,
  headers: { "X-Refusal": "bad-number" },
  body: "The number is further ahead than requests may be\n",
};

/** Its body is larger than an upload may be. */
export const TOO_LARGE: PollRefusal = {
  status: 413,
  headers: { "X-Refusal": "too-large" },
  body: "The upload is too large\n",
};

/** Whether a browser asks whether a page may send requests of a long poll. */
export function asksForPermission({ method, headers }: IncomingMessage): boolean {
  const names = headers["access-control-request-headers"] ?? "";
  return method === "OPTIONS" && names.toLowerCase().includes(PollHeader.session);
}

/** It may. */
export function answerPermission(response: ServerResponse): void {
  response.writeHead(204, {
    ...SHARED_HEADERS,
    "access-control-allow-methods": "GET, POST",
    "access-control-allow-headers": ["authorization", "content-type", ...Object.values(PollHeader)].join(", "),
    "access-control-max-age": String(PERMISSION_SECONDS),
  });
  response.end();
}

/** Says no, and why. */
export function answerRefusal(
  request: IncomingMessage,
  response: ServerResponse,
  { status, headers, body }: PollRefusal,
): void {
  if (response.headersSent || response.destroyed) return;
  // What of a body was not read would be taken for the next request.
  if (!request.complete && request.method === "POST") response.shouldKeepAlive = false;
  response.writeHead(status, {
    ...SHARED_HEADERS,
    "content-type": "text/plain; charset=utf-8",
    "content-length": Buffer.byteLength(body),
    ...headers,
  });
  response.end(body);
}

/** Answers a poll: a whole answer with its length, as some proxies hold back what comes in pieces. */
export function writeBatch(
  response: ServerResponse,
  { number, requestId, batch }: { readonly number: number; readonly requestId: string; readonly batch: Uint8Array },
): void {
  if (response.destroyed) return;
  response.writeHead(200, { ...headersOf(number, requestId), "content-length": batch.length });
  response.end(batch);
}

/** Says that an upload has come: from here on a browser does not repeat it. Nothing of it has been taken yet. */
export function beginVerdict(
  response: ServerResponse,
  {
    number,
    requestId,
    maxUploadBytes,
  }: { readonly number: number; readonly requestId: string; readonly maxUploadBytes: number },
): void {
  response.writeHead(200, {
    ...headersOf(number, requestId),
    [PollHeader.limit]: String(maxUploadBytes),
    "content-length": VERDICT_BYTES,
  });
  response.flushHeaders();
}

/** And what became of it. */
export function endVerdict(response: ServerResponse, verdict: Verdict): void {
  if (!response.destroyed) response.end(`${verdict}\n`);
}

function headersOf(number: number, requestId: string): Readonly<Record<string, string>> {
  return {
    ...SHARED_HEADERS,
    "content-type": "application/octet-stream",
    [PollHeader.number]: String(number),
    "x-request-id": requestId,
  };
}
