import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "../clock.ts";
import { keepToPace } from "../http/body-pace.ts";
import { answerRefusal, beginVerdict, endVerdict, TOO_LARGE } from "./poll-answers.ts";
import type { PollSession } from "./poll-sessions.ts";

/** Whose upload it is. */
export type UploadContext = {
  readonly clock: Clock;
  /** How long a body may take to begin; it earns more time with each byte. */
  readonly graceMs: number;
  readonly session: PollSession;
  readonly number: number;
  readonly maxUploadBytes: number;
  readonly headBytes: number;
};

const NOTHING = Buffer.alloc(0);

/** Reads the body of an upload, bounded, and answers with the verdict. */
export function receiveUpload(
  request: IncomingMessage,
  response: ServerResponse,
  { clock, graceMs, session, number, maxUploadBytes, headBytes }: UploadContext,
): void {
  const { link, requestId } = session;
  if (Number(request.headers["content-length"] ?? 0) > maxUploadBytes) {
    answerRefusal(request, response, TOO_LARGE);
    return;
  }
  // Whose body is too slow is cut off: no answer may look as if something of it had been taken.
  keepToPace(request, { clock, graceMs, isEarning: true }, () => request.destroy());
  const reading = session.reads(number);
  let chunks: Buffer[] = [];
  let byteCount = 0;
  request.on("data", (chunk: Buffer) => {
    byteCount += chunk.length;
    if (reading.isDropped || byteCount > maxUploadBytes || !link.wantsBody(number)) chunks = [];
    else chunks.push(chunk);
    // Without a length in its head.
    if (byteCount > maxUploadBytes) answerRefusal(request, response, TOO_LARGE);
  });
  request.once("end", () => {
    session.hasRead(number, reading);
    if (byteCount > maxUploadBytes) return;
    const body = reading.isDropped ? NOTHING : Buffer.concat(chunks);
    chunks = [];
    beginVerdict(response, { number, requestId, maxUploadBytes });
    link.upload({ number, body, byteCount: headBytes + byteCount }, (verdict) => endVerdict(response, verdict));
  });
  request.once("close", () => {
    session.hasRead(number, reading);
    chunks = [];
  });
  request.on("error", () => undefined);
}
