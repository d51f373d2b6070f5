import { MAX_POLL_WAIT_SECONDS, PollHeader, REQUESTS_IN_FLIGHT, UNKNOWN_SESSION } from "../../protocol/polling.ts";
import { SUBPROTOCOL_V1 } from "../../protocol/subprotocol.ts";
import type { Clock, Timer } from "../clock.ts";
import type { Dial, Refusal, Socket, SocketEnd, SocketEvents } from "../line/socket.ts";
import { clientCloseFrame, clientFrame, ServerFrames } from "./frames.ts";
import { type HttpAnswer, type HttpQuestion, type HttpRequest, RefusedRequest } from "./http-request.ts";
import { type Upload, Uploads } from "./uploads.ts";

/** A request that failed is sent again after this, doubled each time up to the last. */
const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 2000;
/**
 * Where requests have failed for so long, the relay is gone, or the way to it: a proxy that starts anew is back by then, and
 * another session is opened sooner than a WebSocket would be missed.
 */
const GIVEN_UP_MS = 5000;
/** An upload is answered in 5 s, and its body may take a while on a slow line. */
const UPLOAD_TIMEOUT_MS = 30_000;
/** What an answer may take beside the time that the relay was asked to wait. */
const POLL_GRACE_MS = 20_000;
/** After a close: so long what was said before may still be on its way. */
const LINGER_MS = 2000;
/** A poll that was cut after this was cut for its silence, and the next ones wait for less. */
const CUT_MS = 3000;
const WAIT_RATIO = 0.7;
const MIN_WAIT_SECONDS = 2;

const NOTHING = new Uint8Array(0);

/** What a poll is made of. */
export type PollDialParts = {
  readonly clock: Clock;
  readonly request: HttpRequest;
  /** A new token: at least 128 random bits as base64url. */
  readonly newToken: () => string;
};

/** Dials by plain HTTP requests, where a proxy lets no WebSocket through: to the address that a WebSocket would have. */
export function pollDial(parts: PollDialParts): Dial {
  return (address, events) => new PollSocket(parts, address, events);
}

/** A conversation over polls and uploads, as a socket. @see docs/protocol.md#long-poll */
class PollSocket implements Socket {
  readonly #parts: PollDialParts;
  readonly #events: SocketEvents;
  readonly #url: string;
  readonly #token: string;
  readonly #uploads = new Uploads();
  readonly #frames: ServerFrames;
  readonly #stop = new AbortController();
  /** Batches that came before those ahead of them. */
  readonly #early = new Map<number, Uint8Array>();
  readonly #timers = new Set<Timer>();
  #receivedCount = 0;
  /** Numbers that are asked for. */
  readonly #asked = new Set<number>();
  /** Two polls at a time while something comes; one, which costs half, while nothing does. */
  #wantedPolls = 1;
  #waitSeconds = MAX_POLL_WAIT_SECONDS;
  /** Since when nothing of the relay's has come but what failed. */
  #failingSinceMs: number | undefined;
  #isPumping = false;
  #isOver = false;
  /** It has ended, and its last words are on their way. */
  #isLingering = false;

  constructor(parts: PollDialParts, address: string, events: SocketEvents) {
    this.#parts = parts;
    this.#events = events;
    this.#url = address.replace(/^ws/, "http");
    this.#token = parts.newToken();
    this.#frames = new ServerFrames({
      onText: (text) => !this.#isOver && events.onText(text),
      onBytes: (bytes) => !this.#isOver && events.onBytes(bytes),
      onClose: (code, reason) => this.#closed(code, reason),
    });
    // Nothing has to be waited for: what is said first opens the session.
    this.#later(0, () => {
      if (this.#isOver) return;
      events.onOpen();
      this.#poll();
    });
  }

  get bufferedBytes(): number {
    return this.#uploads.waitingBytes;
  }

  send(message: string | Uint8Array<ArrayBuffer>): void {
    if (this.#isOver) return;
    this.#uploads.add(clientFrame(message));
    this.#pumpSoon();
  }

  close(reason: string): void {
    if (this.#isOver) return;
    // The relay may have opened it, also where its answer is still on the way.
    if (this.#uploads.hasBegun) {
      this.#linger();
      this.#uploads.add(clientCloseFrame(1000, reason.slice(0, 100)));
      this.#pump();
    }
    this.#end({ code: 1000, reason });
  }

  /** What one turn says goes in one upload. */
  #pumpSoon(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    queueMicrotask(() => {
      this.#isPumping = false;
      this.#pump();
    });
  }

  #pump(): void {
    if (this.#isOver && !this.#isLingering) return;
    for (let upload = this.#uploads.next(); upload !== undefined; upload = this.#uploads.next()) {
      void this.#upload(upload, "send", FIRST_RETRY_MS);
    }
  }

  /** Never rejects. Sends the same number until the relay has taken it; what it has already, it is only asked about. */
  async #upload(upload: Upload, how: "send" | "ask", retryMs: number): Promise<void> {
    const sentMs = this.#parts.clock.monotonicMs();
    const { number, body } = upload;
    const opening = number === 0 ? { [PollHeader.subprotocol]: SUBPROTOCOL_V1 } : {};
    const answer = await this.#request({
      method: "POST",
      headers: { ...this.#headers(number), ...opening, "content-type": "application/octet-stream" },
      body: how === "ask" ? NOTHING : body,
      isLast: this.#isLingering,
      timeoutMs: UPLOAD_TIMEOUT_MS,
    });
    if (this.#isGone) return;
    const verdict = this.#isOurs(answer, number) ? new TextDecoder().decode(answer.body).trim() : undefined;
    if (verdict === "applied") {
      const tookMs = this.#parts.clock.monotonicMs() - sentMs;
      this.#uploads.applied(body.length, tookMs, "status" in answer ? Number(answer.header(PollHeader.limit)) : 0);
      this.#applied();
    } else if (verdict === "not-yet") void this.#upload(upload, "ask", FIRST_RETRY_MS);
    // The close that says why comes with a poll.
    else if (verdict !== "refused" && !this.#refused(answer, retryMs))
      this.#later(retryMs, () => void this.#upload(upload, "send", doubled(retryMs)));
  }

  #applied(): void {
    this.#pump();
    if (this.#isOver) {
      if (this.#uploads.isEmpty) this.#cut();
      return;
    }
    this.#events.onDrained?.();
    this.#poll();
  }

  /** Has as many polls under way as are wanted. */
  #poll(): void {
    if (this.#isOver) return;
    for (let number = this.#receivedCount; number < this.#receivedCount + this.#wantedPolls; number += 1) {
      if (this.#asked.has(number) || this.#early.has(number)) continue;
      this.#asked.add(number);
      void this.#ask(number, FIRST_RETRY_MS);
    }
  }

  /** Never rejects. Asks for the same number until it has come. */
  async #ask(number: number, retryMs: number): Promise<void> {
    const waitSeconds = this.#waitSeconds;
    const askedMs = this.#parts.clock.monotonicMs();
    const answer = await this.#request({
      method: "GET",
      headers: {
        ...this.#headers(number),
        [PollHeader.received]: String(this.#receivedCount),
        [PollHeader.wait]: String(waitSeconds),
      },
      timeoutMs: waitSeconds * 1000 + POLL_GRACE_MS,
    });
    if (this.#isOver) return;
    if (this.#isOurs(answer, number)) {
      this.#asked.delete(number);
      this.#came(number, answer.body);
      this.#poll();
      return;
    }
    if (this.#refused(answer, retryMs)) return;
    if (this.#parts.clock.monotonicMs() - askedMs >= CUT_MS)
      this.#waitSeconds = Math.max(MIN_WAIT_SECONDS, Math.floor(waitSeconds * WAIT_RATIO));
    this.#later(retryMs, () => void this.#ask(number, doubled(retryMs)));
  }

  /** A batch has come: its place in the stream is its number. */
  #came(number: number, batch: Uint8Array): void {
    this.#events.onBytesSeen?.();
    this.#wantedPolls = batch.length === 0 ? 1 : REQUESTS_IN_FLIGHT;
    if (batch.length > 0) this.#early.set(number, batch);
    for (
      let next = this.#early.get(this.#receivedCount);
      next !== undefined;
      next = this.#early.get(this.#receivedCount)
    ) {
      this.#early.delete(this.#receivedCount);
      this.#receivedCount += 1;
      if (!this.#frames.push(next)) {
        this.#end({ code: 1002, reason: "frames that no relay sends" });
        return;
      }
    }
  }

  #closed(code: number | undefined, reason: string): void {
    if (this.#isOver) return;
    // Says that it has come, so that the relay need not wait; it is not waited for.
    const headers = { ...this.#headers(this.#receivedCount), [PollHeader.received]: String(this.#receivedCount) };
    this.#linger();
    void this.#request({ method: "GET", headers, timeoutMs: LINGER_MS }).then(() => this.#cut());
    this.#end({ code, reason });
  }

  #linger(): void {
    this.#isLingering = true;
    this.#later(LINGER_MS, () => this.#cut());
  }

  /** Nothing of it is waited for any more. */
  #cut(): void {
    this.#isLingering = false;
    this.#stop.abort();
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  get #isGone(): boolean {
    return this.#isOver && !this.#isLingering;
  }

  #headers(number: number): Readonly<Record<string, string>> {
    return { [PollHeader.session]: this.#token, [PollHeader.number]: String(number) };
  }

  /** A proxy may answer anything: the relay says which number it answers. */
  #isOurs(answer: HttpAnswer | Failure, number: number): answer is HttpAnswer {
    const isOurs = "status" in answer && answer.status === 200 && answer.header(PollHeader.number) === String(number);
    if (isOurs) this.#failingSinceMs = undefined;
    return isOurs;
  }

  /** Whether it has ended by this answer: the relay's own no, or nothing but somebody else's for too long. */
  #refused(answer: HttpAnswer | Failure, retryMs: number): boolean {
    if (this.#isOver) return !this.#isLingering;
    const isAnswer = "status" in answer;
    const word = isAnswer ? answer.header("x-refusal") : undefined;
    const { hasOpened } = this.#uploads;
    const isBarred = !isAnswer && answer.refusal !== undefined;
    // A poll that came before its session was open: the upload tells.
    if (word === UNKNOWN_SESSION && !hasOpened) return false;
    const isRepeated = retryMs > FIRST_RETRY_MS;
    const nowMs = this.#parts.clock.monotonicMs();
    this.#failingSinceMs ??= nowMs;
    const isLate = nowMs - this.#failingSinceMs >= GIVEN_UP_MS;
    if (word === undefined && !isLate && (hasOpened || !(isAnswer || isBarred || isRepeated))) return false;
    this.#end(hasOpened && isAnswer ? lostEnd(answer.status, word) : endOf(answer, word));
    return true;
  }

  /** Never rejects. */
  async #request({
    timeoutMs,
    ...question
  }: Omit<HttpQuestion, "url" | "signal"> & { readonly timeoutMs: number }): Promise<HttpAnswer | Failure> {
    const limit = new AbortController();
    const timer = this.#later(timeoutMs, () => limit.abort());
    try {
      const signal = AbortSignal.any([this.#stop.signal, limit.signal]);
      return await this.#parts.request({ ...question, url: this.#url, signal });
    } catch (cause) {
      return cause instanceof RefusedRequest ? { cause: cause.refusal, refusal: cause.refusal } : { cause };
    } finally {
      timer.cancel();
      this.#timers.delete(timer);
    }
  }

  #later(delayMs: number, task: () => void): Timer {
    const timer = this.#parts.clock.after(delayMs, () => {
      this.#timers.delete(timer);
      task();
    });
    this.#timers.add(timer);
    return timer;
  }

  #end(end: SocketEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (!this.#isLingering) this.#cut();
    this.#events.onEnd(end);
  }
}

/** No answer came. */
type Failure = { readonly cause: unknown; readonly refusal?: Refusal };

function doubled(retryMs: number): number {
  return Math.min(MAX_RETRY_MS, retryMs * 2);
}

/** The relay does not have the session any more, or the way to it is gone: another one may be opened. */
function lostEnd(status: number, word = `HTTP ${status}`): SocketEnd {
  return { code: undefined, reason: "", cause: new Error(word) };
}

/** The end that an answer stands for: a refusal, or why there was none. */
function endOf(answer: HttpAnswer | Failure, word: string | undefined): SocketEnd {
  if (!("status" in answer)) return { code: undefined, reason: "", ...answer };
  const retryAfter = Number(answer.header("retry-after"));
  return {
    code: undefined,
    reason: "",
    cause: new Error(`HTTP ${answer.status}${word === undefined ? "" : `: ${word}`}`),
    refusal: {
      status: answer.status,
      word,
      requestId: answer.header("x-request-id"),
      retryAfterMs: retryAfter >= 0 ? retryAfter * 1000 : undefined,
    },
  };
}
