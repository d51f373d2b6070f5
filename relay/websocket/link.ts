import type { Socket } from "node:net";
import type { Timer } from "../clock.ts";
import type { Origin, SlowReason } from "../hub/ports.ts";
import type { RateCost } from "../limits/class-rate.ts";
import type { ConnectionLink, LinkOwner } from "../session/ports.ts";
import type { TurnClock } from "../turn-clock.ts";
import { closeFrame, numberIn } from "../wire/control-frame.ts";
import { LARGE_FRAME_BYTES } from "../wire/frame-memory.ts";
import { type FrameHandler, FrameParser, type ProtocolFault } from "../wire/frame-parser.ts";
import { DrainWatch } from "./drain-watch.ts";
import type { Flushable, Flusher } from "./flusher.ts";
import { type Pacing, SenderPace } from "./pacing.ts";
import { type ReaderLimits, ReaderProgress } from "./reader-progress.ts";
import { type GatedReading, ReadingGate, Reason } from "./reading-gate.ts";
import { SendQueue } from "./send-queue.ts";
import { SignsOfLife } from "./signs-of-life.ts";
import { listenTo, type SocketOwner } from "./socket-events.ts";
import type { Throttle } from "./throttle.ts";

/** What all links share. */
export type LinkParts = {
  readonly clock: TurnClock;
  readonly flusher: Flusher;
  readonly pacing: Pacing;
  readonly throttle: Throttle;
};

/** What tunes a link. */
export type LinkOptions = ReaderLimits & {
  readonly maxFrameBytes: number;
  /** How long a closed connection may take to send what is queued and to answer the close. */
  readonly closeTimeoutMs: number;
};

/** A reader is asked what it has read from this on: those who get little need no book. */
const ASKED_FROM_BYTES = 8192;
/**
 * One WebSocket after its handshake: reads messages for its owner and writes frames for the hub. It owns the socket, the
 * frames that wait for it, and the closing handshake.
 */
export class WebSocketLink implements ConnectionLink, FrameHandler, Flushable, GatedReading, SocketOwner {
  readonly openedAtMs: number;
  readonly inFlightBytes = 0;
  readonly #parts: LinkParts;
  readonly #options: LinkOptions;
  readonly #socket: Socket;
  readonly #parser: FrameParser;
  readonly #gate: ReadingGate;
  readonly #queue: SendQueue;
  #owner: LinkOwner | undefined;
  /** Leaving: the close frame is queued, and what comes is still taken. Closing: it is not. */
  #state: "open" | "leaving" | "closing" | "ended" = "open";
  /** 1006: the socket ended without a close frame (RFC 6455 section 7.1.5). */
  #closeCode = 1006;
  #closedBy: "peer" | "relay" = "peer";
  /** Nothing more is expected of the peer: it has sent its close frame, or broken the protocol. */
  #isPeerDone = false;
  /** The peer's close frame came: after it the peer sends nothing that matters. */
  #isCloseReceived = false;
  #closeTimer: Timer | undefined;
  #receivedAtMs = 0;
  /** A pong of a numbered ping was in the chunk at hand. */
  #hasPonged = false;
  #mayWait = false;
  readonly #pace = new SenderPace();
  readonly #signs = new SignsOfLife();
  #scheduled: "no" | "soon" | "later" = "no";
  #lastFlushMs = Number.NEGATIVE_INFINITY;
  #writingBytes = 0;
  #writtenBytes = 0;
  /** One frame that has to wait for the write under way is followed: what this is when it is written, and when it came. */
  #followedUntilBytes = 0;
  #followedSinceMs = 0;
  /** Undefined until it has been given enough to be asked. */
  #progress: ReaderProgress | undefined;
  readonly #drain = new DrainWatch();
  readonly #onWritten = (error?: Error | null) => this.#written(error);

  constructor(parts: LinkParts, socket: Socket, options: LinkOptions) {
    this.#parts = parts;
    this.#socket = socket;
    this.#options = options;
    this.#parser = new FrameParser(this, { maxMessageBytes: options.maxFrameBytes });
    this.#gate = new ReadingGate(this, parts.throttle, parts.clock.nowMs);
    this.#queue = new SendQueue(parts.flusher.root);
    this.openedAtMs = parts.clock.monotonicMs();
  }

  attach(owner: LinkOwner, head: Buffer): void {
    this.#owner = owner;
    listenTo(this.#socket, this);
    if (head.length > 0) this.read(head);
  }

  get mayWait(): boolean {
    return this.#mayWait;
  }

  get receivedAtMs(): number {
    return this.#receivedAtMs;
  }

  get lastFlushMs(): number {
    return this.#lastFlushMs;
  }

  get bufferedBytes(): number {
    return this.#queue.byteCount + this.#writingBytes;
  }

  get readByPeerBytes(): number {
    return this.#progress?.readBytes ?? 0;
  }

  judge(): SlowReason | undefined {
    const progress = this.#asked();
    const fault = progress.judge(this.#parts.clock.judgedMs);
    if (progress.isBlind) this.#writeOn();
    return fault;
  }

  get bytesIn(): number {
    return this.#socket.bytesRead;
  }

  get bytesOut(): number {
    return this.#writtenBytes;
  }

  pause(): void {
    this.#gate.shut(Reason.congestion);
  }

  resume({ isFreed }: { readonly isFreed: boolean }): void {
    // At once: it may be judged before it is read.
    if (isFreed) this.#progress?.freed(this.#parts.clock.judgedMs);
    this.#gate.open(Reason.congestion);
  }

  pauseFor(durationMs: number): void {
    this.#gate.shutFor(durationMs);
  }

  limitTo(rateClass: string | undefined): void {
    this.#gate.limitTo(rateClass, this.#parts.clock.tick());
  }

  charge(cost: RateCost): void {
    this.#gate.charge(cost);
  }

  hold(): void {
    this.#gate.shut(Reason.held);
  }

  release(): void {
    this.#gate.open(Reason.held);
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
    if (this.#scheduled === "soon") return;
    if (this.#writingBytes > 0) {
      if (this.#followedUntilBytes === 0 && origin !== undefined) this.#follow(origin);
      return;
    }
    // A large frame goes alone: to wait for company would gain nothing.
    if (frame.length >= LARGE_FRAME_BYTES) this.#scheduleSoon(origin);
    else if (this.#scheduled === "no") this.#scheduled = this.#parts.flusher.schedule(this, origin);
    else if (origin?.mayWait !== true) this.#scheduleSoon(origin);
  }

  close(code: number, reason: string): void {
    this.leave(code, reason);
    if (this.#state !== "leaving") return;
    this.#state = "closing";
    this.#gate.free();
  }

  leave(code: number, reason: string): void {
    if (this.#state !== "open") return;
    this.#state = "leaving";
    this.#queue.close(closeFrame(code, reason));
    this.#closeCode = code;
    this.#closedBy = "relay";
    this.#scheduleSoon();
    this.#closeTimer = this.#parts.clock.after(this.#options.closeTimeoutMs, () => this.terminate());
  }

  terminate(): void {
    this.#socket.destroy();
  }

  /** Not while it is not read: the pong could not come through, and some clients stop at a ping that they cannot answer. */
  ping(): void {
    if (this.#state !== "open" || !this.#gate.isOpen) return;
    this.#queue.ping();
    this.#scheduleSoon();
  }

  wasHeard(): boolean {
    if (this.#progress?.loseSight(this.#parts.clock.judgedMs) === true) this.#writeOn();
    const wasShut = this.#gate.wasShut();
    return this.#signs.ask(this.#socket.bytesRead) || wasShut;
  }

  get isRead(): boolean {
    return this.#gate.isOpen;
  }

  get isPingWaiting(): boolean {
    return this.#queue.isPingWaiting || this.#writingBytes > 0;
  }

  read(chunk: Buffer): void {
    if (this.#state === "ended") return;
    this.#receivedAtMs = this.#parts.clock.tick();
    const isSpent = this.#gate.came(chunk.length, this.#receivedAtMs);
    this.#hasPonged = false;
    this.#failOn(this.#parser.push(chunk));
    if (!this.#hasPonged && this.#progress?.heard(chunk.length, this.#parts.clock.judgedMs) === true) this.#writeOn();
    if (isSpent) this.#gate.keepToRate();
  }

  stopReading(): void {
    this.#progress?.unread(this.#parts.clock.judgedMs);
    this.#parser.stop();
    this.#socket.pause();
  }

  goOnReading(): void {
    if (this.#state === "ended") return;
    this.#progress?.readAgain(this.#parts.clock.judgedMs);
    if (this.bufferedBytes > 0) this.#scheduleSoon();
    this.#receivedAtMs = this.#parts.clock.tick();
    this.#gate.goesOn(this.#receivedAtMs);
    this.#failOn(this.#parser.resume());
    if (this.#gate.isOpen) this.#socket.resume();
  }

  /** Whether messages are taken. */
  get #isHeard(): boolean {
    return this.#state === "open" || this.#state === "leaving";
  }

  #failOn(fault: ProtocolFault | undefined): void {
    if (fault === undefined) return;
    this.#owner?.hungUp("cut");
    // RFC 6455 section 7.1.7: the connection is failed; its end does not wait for an answer.
    this.#isPeerDone = true;
    this.close(fault.code, fault.reason);
  }

  onMessage(bytes: Buffer, isBinary: boolean, isPrintable: boolean): void {
    if (!this.#isHeard) return;
    this.#mayWait = this.#parts.pacing.sent(this.#pace);
    this.#owner?.receive(bytes, isBinary, isPrintable);
    this.#gate.tookMessage();
  }

  onPing(payload: Buffer): void {
    this.#gate.tookMessage();
    this.#queue.pong(payload);
    this.#scheduleSoon();
  }

  onPong(payload: Buffer): void {
    const number = numberIn(payload);
    if (number === undefined || this.#progress?.ponged(number, this.#parts.clock.judgedMs) !== true) return;
    this.#hasPonged = true;
    this.#writeOn();
  }

  onClose(code: number | undefined): void {
    this.#isPeerDone = true;
    this.#isCloseReceived = true;
    this.#owner?.hungUp("closed");
    if (this.#state === "open") {
      // RFC 6455 section 5.5.1: the answer echoes the code; section 7.1.5: 1005 stands for none.
      this.close(code ?? 1005, "");
      this.#closedBy = "peer";
    } else if (this.#queue.isCloseTaken && this.#writingBytes === 0) this.#endSocket();
  }

  /** Writes what waits: control frames first, then frames in order, the close frame last. One write is under way at a time. */
  flush(): void {
    this.#scheduled = "no";
    if (this.#writingBytes > 0 || this.#socket.destroyed) return;
    if (this.#progress === undefined && this.#writtenBytes + this.#queue.frameBytes >= ASKED_FROM_BYTES) this.#asked();
    // One that is being closed has its time limit: it need not answer for what is left.
    const progress = this.#state === "open" ? this.#progress : undefined;
    const waitingBytes = this.#queue.frameBytes;
    const bytes = this.#queue.take(progress, this.#parts.clock.judgedMs);
    if (bytes === undefined) return;
    this.#drain.took(waitingBytes - this.#queue.frameBytes);
    this.#lastFlushMs = this.#parts.clock.nowMs;
    this.#writingBytes = bytes.length;
    this.#signs.writing(this.#lastFlushMs);
    this.#socket.write(bytes, this.#onWritten);
  }

  ended(): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#closeTimer?.cancel();
    this.#gate.free();
    this.#queue.clear();
    this.#drain.clear();
    this.#owner?.ended(this.#closeCode, this.#closedBy);
  }

  /** Notes the frame that came last. */
  #follow({ receivedAtMs }: Origin): void {
    this.#followedUntilBytes = this.#writtenBytes + this.#writingBytes + this.#queue.frameBytes;
    this.#followedSinceMs = receivedAtMs;
  }

  #asked(): ReaderProgress {
    if (this.#progress !== undefined) return this.#progress;
    this.#progress = new ReaderProgress(this.#options);
    if (!this.#gate.isOpen) this.#progress.unread(this.#parts.clock.judgedMs);
    return this.#progress;
  }

  /** More may be written than before: what waits goes on. */
  #writeOn(): void {
    if (this.#writingBytes === 0 && !this.#queue.isEmpty) this.#scheduleSoon();
  }

  #scheduleSoon(origin?: Origin): void {
    if (this.#scheduled === "soon") return;
    this.#scheduled = "soon";
    this.#parts.flusher.scheduleSoon(this, origin);
  }

  #written(error: Error | null | undefined): void {
    // After a failure somebody may still read the bytes: they are left to the collector.
    if (error) return;
    this.#queue.written();
    this.#writtenBytes += this.#writingBytes;
    this.#writingBytes = 0;
    this.#signs.written(this.#parts.clock.tick());
    this.#progress?.drained(this.#parts.clock.judgedMs);
    if (this.#followedUntilBytes > 0 && this.#writtenBytes >= this.#followedUntilBytes) {
      this.#followedUntilBytes = 0;
      this.#parts.flusher.writtenLate(this.#followedSinceMs);
    }
    this.#drain.written(this.bufferedBytes);
    if (this.#queue.isCloseTaken && this.#isPeerDone) this.#endSocket();
    else if (!this.#queue.isEmpty) this.flush();
  }

  /**
   * After a whole closing handshake the socket goes as soon as all is written: to wait for the peer's FIN took 10 % of
   * the CPU of a connect, join and close (bench W5). A peer that broke the protocol may still be sending, and closing
   * on unread bytes would reset the connection and so take our close frame from it: there its end is waited for.
   */
  #endSocket(): void {
    if (this.#isCloseReceived) this.#socket.destroySoon();
    else this.#socket.end();
  }
}
