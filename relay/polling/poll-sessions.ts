import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Clock } from "../clock.ts";
import type { PollLink } from "./poll-link.ts";
import type { Places, PollRefusal } from "./ports.ts";

/** Connections that one session may have beside those of plain HTTP: two polls, two uploads. */
const MAX_SOCKETS = 4;
/** Answers of one session that may be on their way: who asks for more has not read those before. */
const MAX_ANSWERS = 2;
/** How long it is remembered that a session is over: a copy of its first request would open it again. */
const REMEMBERED_MS = 60_000;
const MAX_REMEMBERED = 10_000;

/** One session: its link, and the connections that its requests come by. */
export class PollSession {
  readonly link: PollLink;
  readonly requestId: string;
  readonly #places: Places;
  readonly #sockets = new Set<Socket>();
  readonly #answers = new Set<ServerResponse>();
  /** Uploads that are being read: of copies the last one counts, as the connections of those before are gone. */
  readonly #readings = new Map<number, { isDropped: boolean }>();

  constructor(link: PollLink, requestId: string, places: Places) {
    this.link = link;
    this.requestId = requestId;
    this.#places = places;
  }

  /** Takes a connection for one of this session. @returns whether it is. */
  place(socket: Socket): boolean {
    if (this.#sockets.has(socket)) return true;
    if (this.#sockets.size >= MAX_SOCKETS || socket.destroyed) return false;
    this.#sockets.add(socket);
    this.#places.polls(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    return true;
  }

  /** A batch is on its way: of more than two the oldest is not read by anybody, and its connection is cut. */
  answers(response: ServerResponse, byteCount: number): void {
    if (byteCount === 0) return;
    this.#answers.add(response);
    response.once("close", () => this.#answers.delete(response));
    const [oldest] = this.#answers;
    if (this.#answers.size <= MAX_ANSWERS || oldest === undefined) return;
    this.#answers.delete(oldest);
    oldest.destroy();
  }

  /** Begins to read an upload. @returns whether this one still counts, to be looked at with each chunk. */
  reads(number: number): { readonly isDropped: boolean } {
    const before = this.#readings.get(number);
    if (before !== undefined) before.isDropped = true;
    const reading = { isDropped: false };
    this.#readings.set(number, reading);
    return reading;
  }

  /** It has come, or never will. */
  hasRead(number: number, reading: { readonly isDropped: boolean }): void {
    if (this.#readings.get(number) === reading) this.#readings.delete(number);
  }

  /** Nothing is left of it: its connections count as those of plain HTTP again. */
  end(): void {
    for (const socket of this.#sockets) this.#places.pollsNoMore(socket);
    this.#sockets.clear();
  }
}

/** All sessions by their tokens, and for a while those that are over. */
export class PollSessions {
  readonly #clock: Clock;
  readonly #open = new Map<string, PollSession>();
  readonly #over = new Map<string, { readonly untilMs: number; readonly refusal: PollRefusal | undefined }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get count(): number {
    return this.#open.size;
  }

  get(token: string): PollSession | undefined {
    return this.#open.get(token);
  }

  add(token: string, session: PollSession): void {
    // It may be over already.
    if (this.isKnown(token)) session.end();
    else this.#open.set(token, session);
  }

  /** Whether it was here lately. */
  isKnown(token: string): boolean {
    const over = this.#over.get(token);
    return over !== undefined && over.untilMs > this.#clock.monotonicMs();
  }

  /** How it was refused; undefined: it was not. */
  refusalOf(token: string): PollRefusal | undefined {
    return this.#over.get(token)?.refusal;
  }

  ended(token: string): void {
    this.#open.get(token)?.end();
    this.#open.delete(token);
    this.#remember(token, undefined);
  }

  refused(token: string, refusal: PollRefusal): void {
    this.#remember(token, refusal);
  }

  #remember(token: string, refusal: PollRefusal | undefined): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [oldest, { untilMs }] of this.#over) {
      if (untilMs > nowMs && this.#over.size < MAX_REMEMBERED) break;
      this.#over.delete(oldest);
    }
    this.#over.set(token, { untilMs: nowMs + REMEMBERED_MS, refusal });
  }
}
