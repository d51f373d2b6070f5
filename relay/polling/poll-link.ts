import type { Verdict } from "../../protocol/polling.ts";
import type { Timer } from "../clock.ts";
import type { Origin, SlowReason } from "../hub/ports.ts";
import type { RateCost } from "../limits/class-rate.ts";
import { maxBatchBytesFor } from "../limits/poll-limits.ts";
import type { ConnectionLink, LinkOwner } from "../session/ports.ts";
import type { TurnClock } from "../turn-clock.ts";
import { DrainWatch } from "../websocket/drain-watch.ts";
import type { Flushable, Flusher } from "../websocket/flusher.ts";
import { type GatedReading, ReadingGate, Reason } from "../websocket/reading-gate.ts";
import { SendQueue } from "../websocket/send-queue.ts";
import type { Throttle } from "../websocket/throttle.ts";
import { closeFrame } from "../wire/control-frame.ts";
import { LARGE_FRAME_BYTES } from "../wire/frame-memory.ts";
import { type FrameHandler, FrameParser, type ProtocolFault } from "../wire/frame-parser.ts";
import { Batches, type PendingPoll } from "./batches.ts";
import { PollProgress, type PollReaderLimits } from "./poll-progress.ts";
import { type UploadReader, Uploads } from "./uploads.ts";

/** What all links share. */
export type PollLinkParts = {
  readonly clock: TurnClock;
  readonly flusher: Flusher;
  readonly throttle: Throttle;
};

/** What tunes a link. */
export type PollLinkOptions = PollReaderLimits & {
  readonly maxFrameBytes: number;
  readonly maxOutboxBytes: number;
  /** How long a closed connection may take to fetch what is queued. */
  readonly closeTimeoutMs: number;
};

/**
 * So soon after a batch the next one waits for company, unless it is as large as it may be: an answer costs a request, and of two
 * polls that come together the second would get a message alone. What comes alone waits for nothing.
 */
const COMPANY_MS = 20;

/** A poll as it came. */
export type Asked = {
  readonly number: number;
  /** How many batches the client has. */
  readonly received: number;
  readonly waitMs: number;
  /** What the request was on the wire. */
  readonly byteCount: number;
};

/**
 * One client that polls: what it uploads is read as frames of a client, what waits for it are frames of a server, as over a
 * WebSocket. The HTTP around it is relay/polling/polling.ts.
 * @see docs/adr/0002-frames-on-every-link.md
 */
export class PollLink implements ConnectionLink, FrameHandler, Flushable, GatedReading, UploadReader {
  readonly openedAtMs: number;
  /** What it says comes in pieces anyhow: nothing of it waits for company. */
  readonly mayWait = false;
  /** A client that is there polls by itself: its silence accuses it, whatever waits. */
  readonly isPingWaiting = false;
  readonly #parts: PollLinkParts;
  readonly #options: PollLinkOptions;
  readonly #parser: FrameParser;
  readonly #gate: ReadingGate;
  readonly #queue: SendQueue;
  readonly #batches: Batches;
  readonly #uploads: Uploads;
  readonly #progress: PollProgress;
  readonly #drain = new DrainWatch();
  readonly #onEnd: () => void;
  #owner: LinkOwner | undefined;
  /** Leaving: the close frame is queued, and what comes is still taken. Closing: it is not. */
  #state: "open" | "leaving" | "closing" | "ended" = "open";
  #closeCode = 1006;
  #closedBy: "peer" | "relay" = "peer";
  #closeTimer: Timer | undefined;
  #isHeard = true;
  #receivedAtMs = 0;
  #bytesIn = 0;
  #scheduled: "no" | "soon" | "later" = "no";
  #lastFlushMs = Number.NEGATIVE_INFINITY;
  #givenAtMs = Number.NEGATIVE_INFINITY;
  /** More is awaited for the next batch. */
  #companyTimer: Timer | undefined;

  /** @param onEnd called once, when nothing is left of it. */
  constructor(parts: PollLinkParts, options: PollLinkOptions, onEnd: () => void) {
    this.#parts = parts;
    this.#options = options;
    this.#onEnd = onEnd;
    this.#parser = new FrameParser(this, { maxMessageBytes: options.maxFrameBytes, mayBeFragmented: false });
    this.#gate = new ReadingGate(this, parts.throttle, parts.clock.nowMs);
    this.#queue = new SendQueue(parts.flusher.root);
    this.#batches = new Batches(parts.clock, this.#queue, { maxBatchBytes: maxBatchBytesFor(options.maxOutboxBytes) });
    this.#uploads = new Uploads(parts.clock, this);
    this.#progress = new PollProgress(options);
    this.openedAtMs = parts.clock.monotonicMs();
  }

  attach(owner: LinkOwner): void {
    this.#owner = owner;
    this.#uploads.takeNext();
  }

  get receivedAtMs(): number {
    return this.#receivedAtMs;
  }

  get lastFlushMs(): number {
    return this.#lastFlushMs;
  }

  /** Without what the next poll takes: by the time that more has come from the senders, it has asked. */
  get bufferedBytes(): number {
    return this.#queue.byteCount - this.#readyBytes;
  }

  /** That, and what is kept: as it is, and as it may be on its way. */
  get inFlightBytes(): number {
    return this.#readyBytes + 2 * this.#batches.keptBytes;
  }

  get readByPeerBytes(): number {
    return this.#batches.readBytes;
  }

  /** Bodies, and the heads of requests. */
  get bytesIn(): number {
    return this.#bytesIn;
  }

  /** Bodies, as often as they were given. */
  get bytesOut(): number {
    return this.#batches.givenBytes;
  }

  get isRead(): boolean {
    return this.#gate.isOpen;
  }

  /** Whether uploads are taken now. */
  get isReading(): boolean {
    return this.#owner !== undefined && this.#gate.isOpen;
  }

  judge(): SlowReason | undefined {
    return this.#progress.judge(this.#parts.clock.judgedMs);
  }

  pause(): void {
    this.#gate.shut(Reason.congestion);
  }

  resume({ isFreed }: { readonly isFreed: boolean }): void {
    if (isFreed) this.#progress.freed(this.#parts.clock.judgedMs);
    this.#gate.open(Reason.congestion);
  }

  pauseFor(durationMs: number): void {
    this.#gate.shutFor(durationMs);
  }

  hold(): void {
    this.#gate.shut(Reason.held);
  }

  release(): void {
    this.#gate.open(Reason.held);
  }

  limitTo(rateClass: string | undefined): void {
    this.#gate.limitTo(rateClass, this.#parts.clock.tick());
  }

  charge(cost: RateCost): void {
    this.#gate.charge(cost);
  }

  whenBelow(bytes: number, callback: () => void): void {
    this.#drain.whenBelow(bytes, callback);
  }

  whenWritten(callback: () => void): void {
    this.#drain.whenWritten(this.#queue.frameBytes, callback);
  }

  send(frame: Uint8Array, origin?: Origin): void {
    if (this.#state !== "open") return;
    this.#queue.append(frame);
    this.#progress.waits(this.#parts.clock.judgedMs);
    // Where no poll waits, the next one fetches it.
    if (this.#scheduled === "soon" || !this.#batches.isAwaited) return;
    if (this.#companyTimer !== undefined && this.#queue.frameBytes < this.#batches.sizeBytes) return;
    if (frame.length >= LARGE_FRAME_BYTES) this.#flushSoon(origin);
    else if (this.#scheduled === "no") this.#scheduled = this.#parts.flusher.schedule(this, origin);
    else if (origin?.mayWait !== true) this.#flushSoon(origin);
  }

  close(code: number, reason: string): void {
    this.leave(code, reason);
    if (this.#state !== "leaving") return;
    this.#state = "closing";
    this.#uploads.end();
    this.#gate.free();
  }

  leave(code: number, reason: string): void {
    if (this.#state !== "open") return;
    this.#state = "leaving";
    this.#queue.close(closeFrame(code, reason));
    this.#closeCode = code;
    this.#closedBy = "relay";
    this.#flushSoon();
    this.#closeTimer = this.#parts.clock.after(this.#options.closeTimeoutMs, () => this.terminate());
  }

  terminate(): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#closeTimer?.cancel();
    this.#companyTimer?.cancel();
    this.#gate.free();
    this.#uploads.cut();
    this.#batches.end();
    this.#queue.clear();
    this.#drain.clear();
    this.#onEnd();
    this.#owner?.ended(this.#closeCode, this.#closedBy);
  }

  /** Has a poll answered that waits, so that the client comes with the next one. */
  ping(): void {
    if (this.#state !== "open" || !this.#batches.isAwaited) return;
    this.#queue.ping();
    this.#flushSoon();
  }

  wasHeard(): boolean {
    const wasHeard = this.#isHeard;
    this.#isHeard = false;
    return this.#gate.wasShut() || wasHeard;
  }

  /** Whether an upload of this number may come. */
  mayUpload(number: number): boolean {
    return this.#uploads.mayCome(number);
  }

  /** Whether its body is wanted: that of a copy is not. */
  wantsBody(number: number): boolean {
    return this.#uploads.wants(number);
  }

  /** An upload has come whole. @param byteCount of the whole request. @param tell what became of it: called once, within 5 s. */
  upload(
    { number, body, byteCount }: { readonly number: number; readonly body: Buffer; readonly byteCount: number },
    tell: (verdict: Verdict) => void,
  ): void {
    this.#heard(byteCount);
    this.#uploads.came(number, body, tell);
  }

  /** A poll has come. @returns whether it may be: else it is not answered here. */
  poll({ number, received, waitMs, byteCount }: Asked, poll: PendingPoll): boolean {
    this.#heard(byteCount);
    const confirmedBytes = this.#batches.confirm(received);
    if (confirmedBytes === undefined || !this.#batches.mayAsk(number)) return false;
    this.#confirmed(confirmedBytes);
    if (this.#state === "ended") poll.gone();
    else {
      this.#batches.ask(number, poll, waitMs);
      if (!this.#queue.isEmpty) this.#give();
    }
    return true;
  }

  /** The connection of a poll that waits is gone. */
  forget(number: number, poll: PendingPoll): void {
    this.#batches.forget(number, poll);
  }

  take(body: Buffer): boolean {
    this.#receivedAtMs = this.#parts.clock.tick();
    const isSpent = this.#gate.came(body.length, this.#receivedAtMs);
    this.#failOn(this.#parser.push(body));
    if (isSpent) this.#gate.keepToRate();
    return !this.#parser.isBehind;
  }

  stopReading(): void {
    this.#parser.stop();
  }

  goOnReading(): void {
    if (this.#state === "ended") return;
    this.#receivedAtMs = this.#parts.clock.tick();
    this.#gate.goesOn(this.#receivedAtMs);
    this.#failOn(this.#parser.resume());
    if (!this.#parser.isBehind) this.#uploads.taken();
    this.#uploads.takeNext();
  }

  onMessage(bytes: Buffer, isBinary: boolean, isPrintable: boolean): void {
    if (!this.#isTaken) return;
    this.#owner?.receive(bytes, isBinary, isPrintable);
    this.#gate.tookMessage();
  }

  onPing(payload: Buffer): void {
    this.#gate.tookMessage();
    this.#queue.pong(payload);
    this.#flushSoon();
  }

  onPong(): void {
    // Each request says that the client is there, and what it has.
  }

  onClose(code: number | undefined): void {
    this.#owner?.hungUp("closed");
    if (this.#state === "open") {
      // RFC 6455 section 7.1.5: 1005 stands for none.
      this.#closeCode = code ?? 1005;
      this.#closedBy = "peer";
      this.#state = "closing";
    }
    // Not in the middle of a body: the upload that says so is to be told that it was taken.
    setImmediate(() => this.terminate());
  }

  /** Gives what waits to a poll, if one asks for it. */
  flush(): void {
    this.#scheduled = "no";
    this.#lastFlushMs = this.#parts.clock.nowMs;
    this.#give();
  }

  /** Whether messages are taken. */
  get #isTaken(): boolean {
    return this.#state === "open" || this.#state === "leaving";
  }

  get #readyBytes(): number {
    return Math.min(this.#queue.byteCount, this.#batches.readyBytes);
  }

  #heard(byteCount: number): void {
    this.#isHeard = true;
    this.#bytesIn += byteCount;
  }

  #confirmed(byteCount: number): void {
    const isAll = this.#queue.byteCount === 0 && this.#batches.keptBytes === 0;
    if (byteCount > 0) this.#progress.confirmed(byteCount, isAll, this.#parts.clock.judgedMs);
    // It has the close frame.
    if (this.#queue.isCloseTaken && this.#batches.keptBytes === 0) this.terminate();
  }

  #give(): void {
    if (this.#state === "ended" || this.#waitsForCompany()) return;
    const givenBytes = this.#batches.give();
    if (givenBytes === 0) return;
    this.#givenAtMs = this.#parts.clock.monotonicMs();
    this.#drain.took(givenBytes);
    this.#drain.written(this.bufferedBytes);
  }

  #waitsForCompany(): boolean {
    const waitMs = this.#givenAtMs + COMPANY_MS - this.#parts.clock.monotonicMs();
    if (waitMs <= 0 || this.#state !== "open" || this.#queue.frameBytes >= this.#batches.sizeBytes) return false;
    this.#companyTimer ??= this.#parts.clock.after(waitMs, () => {
      this.#companyTimer = undefined;
      this.#give();
    });
    return true;
  }

  #failOn(fault: ProtocolFault | undefined): void {
    if (fault === undefined) return;
    this.#owner?.hungUp("cut");
    // RFC 6455 section 7.1.7.
    this.close(fault.code, fault.reason);
  }

  #flushSoon(origin?: Origin): void {
    if (this.#scheduled === "soon" || this.#state === "ended") return;
    this.#scheduled = "soon";
    this.#parts.flusher.scheduleSoon(this, origin);
  }
}
