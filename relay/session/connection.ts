import type { Logger } from "pino";
import { CloseCode } from "../../protocol/close-codes.ts";
import type { Clock, Timer } from "../clock.ts";
import type { AccessLog, ConnectionFacts } from "../observability/access-log.ts";
import { isRefusal } from "./access-closes.ts";
import type {
  Access,
  Applicant,
  Close,
  ConnectionLink,
  Dialect,
  Ending,
  LinkOwner,
  Opening,
  RestartNotice,
  Session,
  SessionConnection,
  SilentSession,
} from "./ports.ts";
import { Probe } from "./probe.ts";

const TOO_BIG: Close = { code: CloseCode.messageTooBig, reason: "message too big" };

/** What all connections share. */
export type ConnectionParts = {
  /** The relay's turn clock. */
  readonly clock: Clock;
  readonly log: Logger;
  readonly accessLog: AccessLog;
  /** Told of the end of each, once. */
  readonly onEnd: (connection: Connection) => void;
};

/** How often a client is asked whether it is there, and how long it may say nothing: one and a half sweep intervals. */
export type LivenessOptions = { readonly sweepIntervalMs: number; readonly pingIntervalMs: number };

/** A client whose own heartbeat comes once per interval must not be cut off for a little drift. */
const MIN_SILENT_SWEEPS = 1.5;
/**
 * A ping behind what the peer has yet to read accuses nobody; but where for so long nothing comes and nothing leaves, nobody
 * reads. One of 64 kbit/s answers once in 131 s: it is asked with every MiB (relay/websocket/reader-progress.ts).
 */
const STUCK_MS = 180_000;

/** What is its own. */
export type ConnectionOwn = {
  readonly link: ConnectionLink;
  readonly access: Access;
  readonly applicant: Applicant;
  readonly requestId: string;
  readonly opening: Opening;
  /** Whose it may be, at least one; of several, the first message decides (Dialects.claiming). */
  readonly candidates: readonly [Dialect, ...Dialect[]];
};

/**
 * One connection from its upgrade to its end: the link, the session on it, and what is known of the client. Whoever has
 * something to say about a connection says it here, and what becomes of link and session is decided here.
 */
export class Connection implements SessionConnection, LinkOwner, ConnectionFacts {
  readonly link: ConnectionLink;
  readonly access: Access;
  readonly applicant: Applicant;
  readonly requestId: string;
  readonly #parts: ConnectionParts;
  readonly #opening: Opening;
  readonly #candidates: readonly [Dialect, ...Dialect[]];
  #dialect: Dialect;
  #session: Session | undefined;
  /** Of a client that has said nothing, and may be another dialect's. */
  #silent: SilentSession | undefined;
  #isLogged = false;
  /** Of the close that the relay has said, where its code is another system's. */
  #meaning: number | undefined;
  #rateClass: string | undefined;
  #isOver = false;
  #isLeaving = false;
  /** The close is held back, because clients like this one come back at once. */
  #heldClose: { readonly timer: Timer; readonly close: Close } | undefined;
  #maxMessageBytes = Number.POSITIVE_INFINITY;
  #probe: Probe | undefined;
  #heardAtMs: number;
  #pingedAtMs: number;

  constructor(parts: ConnectionParts, { link, access, applicant, requestId, opening, candidates }: ConnectionOwn) {
    this.#parts = parts;
    this.link = link;
    this.access = access;
    this.applicant = applicant;
    this.requestId = requestId;
    this.#opening = opening;
    this.#candidates = candidates;
    this.#dialect = candidates.at(-1) ?? candidates[0];
    this.#heardAtMs = link.openedAtMs;
    this.#pingedAtMs = link.openedAtMs;
  }

  /** Begins the conversation. @param head what came with the upgrade request. */
  open(head: Buffer): void {
    this.authorized();
    try {
      const owner = this.#candidates.find((candidate) => candidate.claimsSilent?.(this.#opening) === true);
      if (this.#candidates.length === 1) this.#begin(this.#dialect);
      else if (owner !== undefined) this.#begin(owner);
      else this.#silent = this.#dialect.openSilent?.(this.link, this, this.#opening);
    } catch (error) {
      this.failed(error);
    }
    // Also what has failed already: its link still has to close.
    this.link.attach(this, head);
  }

  get clientAddress(): string {
    return this.applicant.clientAddress;
  }

  get dialect(): string {
    return this.#dialect.name;
  }

  get client(): string {
    return this.#dialect.clientOf(this.#opening);
  }

  get openedAtMs(): number {
    return this.link.openedAtMs;
  }

  get subject(): string | undefined {
    return this.access.subject;
  }

  /** Whether it has ever joined. */
  get hasJoined(): boolean {
    return (this.#session ?? this.#silent)?.hasJoined === true;
  }

  /** It has not joined in time. */
  endUndecided(): void {
    this.end({ code: CloseCode.policyViolation, reason: this.#dialect.noJoinReason ?? "no join in time" });
  }

  receive(message: Uint8Array, isBinary: boolean, isPrintable: boolean): void {
    if (this.#isOver) return;
    try {
      const session = this.#session ?? this.#decide(message, isBinary);
      // The link's own bound may be another dialect's.
      if (message.length > this.#maxMessageBytes) this.end(TOO_BIG);
      else session.receive(message, isBinary, isPrintable);
    } catch (error) {
      this.failed(error);
    }
  }

  hungUp(how: Ending): void {
    this.#isOver = true;
    this.#session?.end(how);
    this.#silent?.end(how);
  }

  end(close: Close, how: Ending = "cut"): void {
    if (this.#isOver) return;
    this.hungUp(how);
    this.#meaning = close.meaning;
    const delayMs = isRefusal(close) ? this.applicant.visit.refused() : 0;
    if (delayMs === 0) this.link.close(close.code, close.reason);
    else this.#heldClose = { close, timer: this.#parts.clock.after(delayMs, () => this.#giveClose()) };
  }

  probe(onAnswer: (isThere: boolean) => void): () => void {
    this.#probe ??= new Probe(this.#parts.clock, this.link);
    return this.#probe.ask(onAnswer);
  }

  lost(): void {
    this.hungUp("cut");
    this.link.terminate();
  }

  takenOver(): void {
    this.end({ code: CloseCode.takenOver, reason: "taken over" });
  }

  failed(error: unknown): void {
    this.#parts.log.error({ requestId: this.requestId, err: error }, "session failed");
    this.end({ code: CloseCode.internalError, reason: "internal error" });
  }

  ended(closeCode: number, by: "peer" | "relay"): void {
    this.hungUp(this.#isLeaving ? "closed" : "cut");
    this.#heldClose?.timer.cancel();
    this.#probe?.end();
    this.access.release();
    this.applicant.visit.ended();
    // It never said which dialect it speaks: what is counted as closed was opened.
    this.#log();
    const { bytesIn, bytesOut } = this.link;
    const meaning = by === "relay" ? this.#meaning : undefined;
    this.#parts.accessLog.closed(this, { closeCode, meaning, by, bytesIn, bytesOut });
    this.#parts.onEnd(this);
  }

  /** The relay stops: who understands is told. */
  announceRestart(notice: RestartNotice): void {
    if (!this.#isOver) this.#session?.announceRestart(notice);
  }

  /** The relay stops: the close is near. */
  refuseNew(): void {
    if (!this.#isOver) this.#session?.refuseNew();
  }

  /** The relay stops: the client is told nothing more, and is heard until it has answered the close. */
  restart(): void {
    this.#giveClose();
    if (this.#session === undefined) this.end(this.#dialect.restartClose);
    if (this.#isOver) return;
    this.#isLeaving = true;
    this.#session?.hearOut();
    const { code, reason } = this.#dialect.restartClose;
    this.link.leave(code, reason);
  }

  /**
   * Looks whether the client is still there, and asks it for a sign of life where it is time.
   * @returns false: it was cut off, because nothing was heard of it though it was asked.
   */
  lookAfter(nowMs: number, { sweepIntervalMs, pingIntervalMs }: LivenessOptions): boolean {
    if (this.link.wasHeard()) this.#heardAtMs = nowMs;
    const silentMs = (MIN_SILENT_SWEEPS + this.#dialect.extraSilentSweeps) * sweepIntervalMs;
    const isAsked = !this.link.isPingWaiting && this.#pingedAtMs > this.#heardAtMs;
    if (nowMs - this.#heardAtMs >= (isAsked ? silentMs : Math.max(silentMs, STUCK_MS))) {
      this.link.terminate();
      return false;
    }
    if (nowMs - this.#pingedAtMs >= pingIntervalMs) {
      this.#pingedAtMs = nowMs;
      this.link.ping();
    }
    return true;
  }

  authorized(): void {
    if (this.access.subject !== undefined) this.applicant.visit.granted();
    const { rateClass } = this.access;
    if (rateClass === this.#rateClass) return;
    this.#rateClass = rateClass;
    this.link.limitTo(rateClass);
  }

  joined(topicName: string): void {
    this.applicant.visit.joined();
    this.#parts.accessLog.joined(this, topicName);
  }

  left(topicName: string): void {
    this.#parts.accessLog.left(this, topicName);
  }

  settle(): void {
    const silent = this.#silent;
    if (silent === undefined) return;
    this.#silent = undefined;
    this.#take(silent);
  }

  /** Closes, where that was held back. */
  #giveClose(): void {
    if (this.#heldClose === undefined) return;
    const { timer, close } = this.#heldClose;
    this.#heldClose = undefined;
    timer.cancel();
    this.link.close(close.code, close.reason);
  }

  #decide(message: Uint8Array, isBinary: boolean): Session {
    const dialect =
      this.#candidates.find((candidate) => candidate.claimsFirst?.(message, isBinary, this.#opening) === true) ??
      this.#dialect;
    const silent = this.#silent;
    this.#silent = undefined;
    if (silent !== undefined && dialect === this.#dialect) return this.#take(silent);
    silent?.withdraw();
    return this.#begin(dialect);
  }

  #begin(dialect: Dialect): Session {
    this.#dialect = dialect;
    this.#log();
    return this.#take(dialect.open(this.link, this, this.#opening));
  }

  /** The conversation is this session's. */
  #take(session: Session): Session {
    this.#maxMessageBytes = this.#dialect.maxMessageBytes ?? Number.POSITIVE_INFINITY;
    this.#session = session;
    this.#log();
    return session;
  }

  /** Once it is known whose it is; of one that never said so, at its end: what is counted as closed was opened. */
  #log(): void {
    if (this.#isLogged) return;
    this.#isLogged = true;
    this.#parts.accessLog.connected(this);
  }
}
