import { createHash } from "node:crypto";
import type { Logger } from "pino";
import { CloseCode, closeCodes } from "../../protocol/close-codes.ts";
import type { Clock } from "../clock.ts";
import { Counter } from "../counter.ts";
import type { AccessLog, ConnectionEnd, ConnectionFacts, RefusedRequest } from "./access-log.ts";
import type { ClientCount, CountsByLabel } from "./readings.ts";

/** How many kinds of refusals the status page shows. */
const RECENT_REFUSALS = 20;

/** What the codes that are not the relay's own are called (RFC 6455 section 7.4.1; 1006: no close frame came). */
const OTHER_CODES: ReadonlyMap<number, string> = new Map([
  [1000, "normal"],
  [1001, "normal"],
  [1005, "normal"],
  [1006, "connection-lost"],
  [1002, "broken-frame"],
  [1007, "broken-frame"],
]);

/** The relay's own codes are called as in protocol/close-codes.ts. */
const REASONS: ReadonlyMap<number, string> = new Map([
  ...OTHER_CODES,
  ...closeCodes.filter(({ code }) => !OTHER_CODES.has(code)).map(({ code, name }) => [code, name] as const),
]);

/** A client's own limit, which is not the relay's. */
const TOO_BIG_FOR_CLIENT = "message-too-big-for-client";

/** Why connections end: a closed set, it is a label. `other`: a code of the client's own. */
export const closeReasons: readonly string[] = [...new Set([...REASONS.values(), TOO_BIG_FOR_CLIENT, "other"])];

/**
 * Refusals for one reason, as the status page shows them: nothing that names a client. Who is refused over and over does not
 * push the others out.
 */
export type RecentRefusal = {
  /** The latest of them. */
  readonly atMs: number;
  readonly reason: string;
  readonly status: number;
  /** Of the latest one. */
  readonly requestId: string;
  /** How many there were since the start, or since they were last pushed out. */
  readonly count: number;
  readonly firstAtMs: number;
};

/** What tunes the access log. */
export type AccessLogOptions = {
  readonly accessLog: "off" | "sample" | "all";
  readonly accessLogSampleOneIn: number;
  readonly accessLogLinesPerSecond: number;
};

/** What it uses. */
export type ConnectionEventsParts = {
  readonly clock: Clock;
  readonly log: Logger;
  /** Every kind of client that may come. */
  readonly clients: readonly Client[];
  /** Under which a topic, or a subject, may be logged. */
  readonly hash: (name: string) => string;
};

/** A kind of client of a dialect. */
type Client = Omit<ClientCount, "count">;

/** What happened to connections since the start. */
export type ConnectionEventCounts = {
  readonly opened: readonly ClientCount[];
  readonly closed: CountsByLabel;
  readonly suppressedLines: number;
};

/** The access log as a relay keeps it: counts every event, remembers the last refusals, and logs what it is told to. */
export class ConnectionEvents implements AccessLog {
  readonly #parts: ConnectionEventsParts;
  readonly #options: AccessLogOptions;
  readonly #opened: Counter<string>;
  readonly #closed = new Counter<string>(closeReasons);
  readonly #recent: RecentRefusal[] = [];
  #second = Number.NEGATIVE_INFINITY;
  #linesInSecond = 0;
  #suppressedLines = 0;

  constructor(parts: ConnectionEventsParts, options: AccessLogOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#opened = new Counter(parts.clients.map(keyOf));
  }

  connected(facts: ConnectionFacts): void {
    this.#opened.add(keyOf(facts));
    const { log } = this.#parts;
    const { requestId, clientAddress, dialect, client } = facts;
    log.debug({ requestId, dialect, client }, "connected");
    if (this.#takes(requestId)) log.info({ requestId, clientAddress, dialect, client }, "connect");
  }

  refused({ requestId, clientAddress }: RefusedRequest, reason: string, status: number): void {
    const { log, clock } = this.#parts;
    const atMs = clock.epochMs();
    const index = this.#recent.findIndex((other) => other.reason === reason && other.status === status);
    const [{ count, firstAtMs } = { count: 0, firstAtMs: atMs }] = index === -1 ? [] : this.#recent.splice(index, 1);
    this.#recent.unshift({ atMs, reason, status, requestId, count: count + 1, firstAtMs });
    this.#recent.length = Math.min(this.#recent.length, RECENT_REFUSALS);
    if (this.#takes(requestId)) log.info({ requestId, clientAddress, reason, status }, "refuse");
  }

  joined(facts: ConnectionFacts, topicName: string): void {
    const { log, hash } = this.#parts;
    const { requestId } = facts;
    if (!this.#takes(requestId)) return;
    log.info({ requestId, topic: hash(topicName), subject: this.#subject(facts) }, "join");
  }

  left(facts: ConnectionFacts, topicName: string): void {
    const { log, hash } = this.#parts;
    const { requestId } = facts;
    if (!this.#takes(requestId)) return;
    log.info({ requestId, topic: hash(topicName), subject: this.#subject(facts) }, "leave");
  }

  closed(facts: ConnectionFacts, { closeCode, meaning = closeCode, by, bytesIn, bytesOut }: ConnectionEnd): void {
    const isClients = closeCode === CloseCode.messageTooBig && by === "peer";
    const reason = isClients ? TOO_BIG_FOR_CLIENT : (REASONS.get(meaning) ?? "other");
    this.#closed.add(reason);
    const { log, clock } = this.#parts;
    const { requestId, clientAddress, dialect, client } = facts;
    log.debug({ requestId, closeCode }, "disconnected");
    if (!this.#takes(requestId)) return;
    const subject = this.#subject(facts);
    const durationMs = Math.round(clock.monotonicMs() - facts.openedAtMs);
    log.info(
      { requestId, clientAddress, dialect, client, subject, reason, closeCode, durationMs, bytesIn, bytesOut },
      "close",
    );
  }

  /** The last refusals, folded by reason and status, the newest first. */
  recentRefusals(): readonly RecentRefusal[] {
    return this.#recent;
  }

  counts(): ConnectionEventCounts {
    return {
      opened: this.#parts.clients.map((client) => ({ ...client, count: this.#opened.of(keyOf(client)) })),
      closed: this.#closed.read(),
      suppressedLines: this.#suppressedLines,
    };
  }

  #subject({ subject }: ConnectionFacts): string | undefined {
    return subject === undefined ? undefined : this.#parts.hash(subject);
  }

  /** Whether this connection is in the log, and there is room for a line. */
  #takes(requestId: string): boolean {
    const { accessLog, accessLogSampleOneIn, accessLogLinesPerSecond } = this.#options;
    if (accessLog === "off") return false;
    if (accessLog === "sample" && !isInSample(requestId, accessLogSampleOneIn)) return false;
    const second = Math.floor(this.#parts.clock.monotonicMs() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#linesInSecond = 0;
    }
    this.#linesInSecond += 1;
    if (this.#linesInSecond <= accessLogLinesPerSecond) return true;
    this.#suppressedLines += 1;
    return false;
  }
}

function keyOf({ dialect, client }: Client): string {
  return `${dialect} ${client}`;
}

/** By the request id, so that a connection is in it with all its lines or with none. */
function isInSample(requestId: string, oneIn: number): boolean {
  return createHash("sha256").update(requestId).digest().readUInt32BE(0) % oneIn === 0;
}
