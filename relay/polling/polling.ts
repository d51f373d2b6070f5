import type { IncomingMessage, ServerResponse } from "node:http";
import { MAX_POLL_WAIT_SECONDS, POLL_TOKEN, PollHeader, UNKNOWN_SESSION } from "../../protocol/polling.ts";
import type { Clock, Timer } from "../clock.ts";
import type { PendingPoll } from "./batches.ts";
import {
  answerPermission,
  answerRefusal,
  asksForPermission,
  BAD_NUMBER,
  BAD_REQUEST,
  writeBatch,
} from "./poll-answers.ts";
import { PollSession, PollSessions } from "./poll-sessions.ts";
import type { Opened, Openings, Places, PollRefusal } from "./ports.ts";
import { receiveUpload } from "./receive-upload.ts";

/** Answers that are held back for a moment. Implemented by relay/entrance/held-answers.ts. */
type HeldAnswers = { hold(delayMs: number, answer: () => void): void };

/** What it uses. */
export type PollingParts = {
  readonly clock: Clock;
  readonly openings: Openings;
  readonly places: Places;
  readonly answers: HeldAnswers;
  /** How long a body may take to begin; it earns more time with each byte. */
  readonly graceMs: number;
  readonly maxUploadBytes: number;
};

/** @see docs/protocol.md#long-poll */
const UNKNOWN: PollRefusal = {
  status: 410,
  headers: { "X-Refusal": UNKNOWN_SESSION },
  body: "This relay has no such session: open another one\n",
};

/**
 * A poll may overtake the upload that opens its session, on another connection: it waits for that so long, and so many do.
 */
const EARLY_MS = 1000;
const MAX_EARLY = 256;

/** The requests of long polls: which session each is of, and what it is answered. */
export class Polling {
  readonly #parts: PollingParts;
  readonly #sessions: PollSessions;
  /** Sessions that are being let in: copies of their first request wait for the same answer. */
  readonly #opening = new Map<string, Promise<Opened>>();
  /** Polls that wait for their session to be opened. */
  readonly #early = new Map<string, { readonly look: () => void; readonly timer: Timer }>();

  #requestCount = 0;

  constructor(parts: PollingParts) {
    this.#parts = parts;
    this.#sessions = new PollSessions(parts.clock);
  }

  /** Polls and uploads since the start. */
  get requestCount(): number {
    return this.#requestCount;
  }

  /** Open sessions. */
  get count(): number {
    return this.#sessions.count;
  }

  /** Whether the request is of a session that has a place for its connection: it does not count as one of plain HTTP. */
  hasPlaceFor({ headers, socket }: IncomingMessage): boolean {
    const token = headers[PollHeader.session];
    return typeof token === "string" && this.#sessions.get(token)?.place(socket) === true;
  }

  /** Answers a request, if it is one of a long poll. @returns whether it was. */
  handle(request: IncomingMessage, response: ServerResponse): boolean {
    if (asksForPermission(request)) {
      answerPermission(response);
      return true;
    }
    const token = request.headers[PollHeader.session];
    if (token === undefined) return false;
    this.#requestCount += 1;
    const number = numberOf(request, PollHeader.number);
    if (typeof token !== "string" || !POLL_TOKEN.test(token) || number === undefined)
      answerRefusal(request, response, BAD_REQUEST);
    else if (request.method === "GET") this.#poll(request, response, token, number);
    else if (request.method === "POST") void this.#upload(request, response, token, number);
    else answerRefusal(request, response, { ...BAD_REQUEST, status: 405, headers: { Allow: "GET, POST" } });
    return true;
  }

  #poll(request: IncomingMessage, response: ServerResponse, token: string, number: number): void {
    const session = this.#sessions.get(token);
    const received = numberOf(request, PollHeader.received) ?? 0;
    const waitMs = 1000 * Math.min(MAX_POLL_WAIT_SECONDS, numberOf(request, PollHeader.wait) ?? MAX_POLL_WAIT_SECONDS);
    if (session === undefined) {
      if (number === 0 && this.#mayBeEarly(token))
        this.#wait(token, () => this.#poll(request, response, token, number));
      else answerRefusal(request, response, this.#sessions.refusalOf(token) ?? UNKNOWN);
      return;
    }
    const { link, requestId } = session;
    const poll: PendingPoll = {
      answer: (batch) => {
        session.answers(response, batch.length);
        writeBatch(response, { number, requestId, batch });
      },
      gone: () => answerRefusal(request, response, UNKNOWN),
    };
    response.once("close", () => link.forget(number, poll));
    const byteCount = headBytesOf(request);
    if (!link.poll({ number, received, waitMs, byteCount }, poll)) answerRefusal(request, response, BAD_NUMBER);
  }

  #mayBeEarly(token: string): boolean {
    return !this.#sessions.isKnown(token) && !this.#early.has(token) && this.#early.size < MAX_EARLY;
  }

  /** Looks again when the session is open, or cannot be expected any more. */
  #wait(token: string, look: () => void): void {
    const timer = this.#parts.clock.after(EARLY_MS, () => {
      // Nobody waits for it twice.
      look();
      this.#early.delete(token);
    });
    this.#early.set(token, { look, timer });
  }

  #lookAgain(token: string): void {
    const early = this.#early.get(token);
    if (early === undefined) return;
    early.timer.cancel();
    early.look();
    this.#early.delete(token);
  }

  /** Never rejects. */
  async #upload(request: IncomingMessage, response: ServerResponse, token: string, number: number): Promise<void> {
    const session = this.#sessions.get(token) ?? (number === 0 ? await this.#open(request, response, token) : UNKNOWN);
    if (session instanceof PollSession) {
      if (!session.link.mayUpload(number)) answerRefusal(request, response, BAD_NUMBER);
      else receiveUpload(request, response, { ...this.#parts, session, number, headBytes: headBytesOf(request) });
    } else if (session !== undefined) answerRefusal(request, response, session);
  }

  /** @returns undefined: there is nobody to answer, or somebody else does. */
  async #open(
    request: IncomingMessage,
    response: ServerResponse,
    token: string,
  ): Promise<PollSession | PollRefusal | undefined> {
    const before = this.#sessions.isKnown(token) ? (this.#sessions.refusalOf(token) ?? UNKNOWN) : undefined;
    if (before !== undefined) return before;
    const opened = await (this.#opening.get(token) ?? this.#begin(request, token));
    if (opened.outcome === "opened") return this.#sessions.get(token) ?? UNKNOWN;
    if (opened.outcome === "gone") response.destroy();
    else this.#parts.answers.hold(opened.delayMs, () => answerRefusal(request, response, opened.answer));
    return undefined;
  }

  async #begin(request: IncomingMessage, token: string): Promise<Opened> {
    const opening = Promise.resolve(this.#parts.openings.open(request, () => this.#sessions.ended(token)));
    this.#opening.set(token, opening);
    const opened = await opening;
    this.#opening.delete(token);
    const { places } = this.#parts;
    if (opened.outcome === "opened") {
      const session = new PollSession(opened.link, opened.requestId, places);
      this.#sessions.add(token, session);
      session.place(request.socket);
    } else if (opened.outcome === "refused") this.#sessions.refused(token, opened.answer);
    this.#lookAgain(token);
    return opened;
  }
}

/** Digits alone, and no more than a number holds. */
function numberOf({ headers }: IncomingMessage, name: string): number | undefined {
  const text = headers[name];
  return typeof text === "string" && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** RFC 9112: names and values with what stands between them. */
function headBytesOf({ rawHeaders, url = "" }: IncomingMessage): number {
  let byteCount = url.length + 16;
  for (const part of rawHeaders) byteCount += part.length + 2;
  return byteCount;
}
