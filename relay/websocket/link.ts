import type { Socket } from "node:net";
import type { Clock, Timer } from "../clock.ts";
import type { Link, Session } from "../hub/ports.ts";
import { type Rates, SenderRate } from "../limits/sender-rate.ts";
import { closeFrame } from "../wire/control-frame.ts";
import { LARGE_FRAME_BYTES } from "../wire/frame-memory.ts";
import { type FrameHandler, FrameParser, type ProtocolFault } from "../wire/frame-parser.ts";
import type { Flushable, Flusher } from "./flusher.ts";
import { type Pacing, SenderPace } from "./pacing.ts";
import { SendQueue } from "./send-queue.ts";
import type { Throttle, Throttled } from "./throttle.ts";

/** What all links share. */
export type LinkParts = {
  readonly clock: Clock;
  readonly flusher: Flusher;
  readonly pacing: Pacing;
  readonly throttle: Throttle;
  /** Told of a defect in a session, and of the end of each link, once. */
  readonly onDefect: (link: WebSocketLink, error: unknown) => void;
  readonly onEnd: (link: WebSocketLink, closeCode: number) => void;
};

/** What tunes a link. */
export type LinkOptions = { readonly maxFrameBytes: number; readonly closeTimeoutMs: number };

/** What keeps a link from being read; it is read while none of them does. Bits of one number. */
const Reason = { congestion: 1, rate: 2, held: 4 } as const;

const LINK = Symbol("link");
type LinkedSocket = Socket & { [LINK]: WebSocketLink };

/**
 * One WebSocket after its handshake: reads messages for its session and writes frames for the hub.
 * It owns the socket, the frames that wait for it, and the closing handshake.
 */
export class WebSocketLink implements Link, FrameHandler, Flushable, Throttled {
  /** Distinguishes connections in the log. */
  readonly connectionNumber: number;
  readonly openedAtMs: number;
  lastFlushMs: number = Number.NEGATIVE_INFINITY;
  readonly #parts: LinkParts;
  readonly #closeTimeoutMs: number;
  readonly #socket: Socket;
  readonly #parser: FrameParser;
  #session: Session | undefined;
  #state: "open" | "closing" | "ended" = "open";
  /** 1006: the socket ended without a close frame (RFC 6455 section 7.1.5). */
  #closeCode = 1006;
  /** Nothing more is expected of the peer: it has sent its close frame, or broken the protocol. */
  #isPeerDone = false;
  /** The peer's close frame came: after it the peer sends nothing that matters. */
  #isCloseReceived = false;
  #closeTimer: Timer | undefined;

  readonly #queue: SendQueue;
  #writingBytes = 0;
  /** One frame that has to wait for the write under way is followed: what this is when it is written, and when it came. */
  #followedUntilBytes = 0;
  #followedSinceMs = 0;
  #scheduled: "no" | "soon" | "later" = "no";
  readonly #onWritten = (error?: Error | null) => this.#written(error);
  #drainedBytes = 0;
  #below: { readonly bytes: number; readonly callback: () => void } | undefined;
  /** Why it is not read; 0: it is. */
  #pausedFor = 0;
  /** Whether reading was paused since this was last asked: then silence is not the peer's. */
  #wasPaused = false;
  /** Undefined where it may send as fast as it likes. */
  #rate: SenderRate | undefined;
  #rates: Rates | undefined;

  readonly #pace = new SenderPace();
  #bytesHeard = -1;

  constructor(parts: LinkParts, socket: Socket, connectionNumber: number, options: LinkOptions) {
    this.#parts = parts;
    this.#socket = socket;
    this.#closeTimeoutMs = options.closeTimeoutMs;
    this.#parser = new FrameParser(this, { maxMessageBytes: options.maxFrameBytes });
    this.#queue = new SendQueue(parts.flusher.root);
    this.connectionNumber = connectionNumber;
    this.openedAtMs = parts.clock.monotonicMs();
    this.limitTo(undefined);
  }

  /** Starts the conversation. @param head what came with the upgrade request. */
  attach(session: Session, head: Buffer): void {
    this.#session = session;
    const socket = Object.assign(this.#socket, { [LINK]: this });
    // TCP_NODELAY is on since the connection was accepted (relay/http/listener.ts): no second system call for it.
    socket.setTimeout(0);
    socket.on("data", onData);
    socket.on("end", onEnd);
    socket.on("error", onError);
    socket.on("close", onClose);
    if (head.length > 0) this.read(head);
  }

  get bufferedBytes(): number {
    return this.#queue.byteCount + this.#writingBytes;
  }

  get drainedBytes(): number {
    return this.#drainedBytes;
  }

  /** Bytes of the client since the connection was opened, its upgrade request among them. */
  get bytesIn(): number {
    return this.#socket.bytesRead;
  }

  pause(): void {
    this.#stopReading(Reason.congestion);
  }

  resume(): void {
    this.#allowReading(Reason.congestion);
  }

  pauseFor(durationMs: number): void {
    if (this.#state !== "open") return;
    this.#stopReading(Reason.rate);
    this.#parts.throttle.wait(this, durationMs);
  }

  /** The throttle's: takes `pauseFor` back. */
  readAgain(): void {
    this.#allowReading(Reason.rate);
  }

  /** From now on it may send as fast as this class may; undefined: as those without one. No fresh start. */
  limitTo(rateClass: string | undefined): void {
    const { clock, throttle } = this.#parts;
    const rates = throttle.rates.of(rateClass);
    if (rates === this.#rates) return;
    this.#rates = rates;
    const isLimited = rates.messages !== undefined || rates.bytes !== undefined;
    this.#rate = isLimited ? new SenderRate(rates, clock.monotonicMs(), this.#rate) : undefined;
  }

  hold(): void {
    this.#stopReading(Reason.held);
  }

  release(): void {
    this.#allowReading(Reason.held);
  }

  whenBelow(bytes: number, callback: () => void): void {
    this.#below = { bytes, callback };
  }

  /** Takes a whole frame, header and all. */
  send(frame: Uint8Array): void {
    if (this.#state !== "open") return;
    this.#queue.append(frame);
    if (this.#scheduled === "soon") return;
    if (this.#writingBytes > 0) {
      if (this.#followedUntilBytes === 0) this.#follow();
      return;
    }
    // A large frame goes alone: to wait for company would gain nothing.
    if (frame.length >= LARGE_FRAME_BYTES) this.#scheduleSoon();
    else if (this.#scheduled === "no") this.#scheduled = this.#parts.flusher.schedule(this);
    else if (!this.#parts.flusher.isPatient) this.#scheduleSoon();
  }

  close(code: number, reason: string): void {
    if (this.#state !== "open") return;
    this.#state = "closing";
    this.#queue.close(closeFrame(code, reason));
    this.#closeCode = code;
    // The peer's answer must be heard.
    this.#parts.throttle.forget(this);
    this.#allowReading(Reason.congestion | Reason.rate | Reason.held);
    this.#scheduleSoon();
    this.#closeTimer = this.#parts.clock.after(this.#closeTimeoutMs, () => this.terminate());
  }

  /** Ends the connection at once, without a close frame. */
  terminate(): void {
    this.#socket.destroy();
  }

  ping(): void {
    if (this.#state !== "open") return;
    this.#queue.ping();
    this.#scheduleSoon();
  }

  /**
   * Whether any byte came in since this was last asked (the first time: ever). Asking the socket's own count keeps the
   * hot path free of book-keeping, and sees pongs and the parts of a large frame on a slow line too.
   */
  wasHeard(): boolean {
    const bytesRead = this.#socket.bytesRead;
    const wasHeard = bytesRead !== this.#bytesHeard || this.#wasPaused;
    this.#bytesHeard = bytesRead;
    this.#wasPaused = this.#pausedFor !== 0;
    return wasHeard;
  }

  /** Takes what came from the socket. */
  read(chunk: Buffer): void {
    if (this.#state === "ended") return;
    const { flusher } = this.#parts;
    flusher.tick();
    this.#rate?.fill(flusher.nowMs);
    const isSpent = this.#rate?.tookBytes(chunk.length);
    flusher.isReading = true;
    const fault = this.#parser.push(chunk);
    flusher.isReading = false;
    this.#failOn(fault);
    if (isSpent === true) this.#keepToRate();
  }

  #readOn(): void {
    if (this.#pausedFor !== 0 || this.#state === "ended") return;
    const { flusher } = this.#parts;
    flusher.tick();
    this.#rate?.fill(flusher.nowMs);
    flusher.isReading = true;
    const fault = this.#parser.resume();
    flusher.isReading = false;
    this.#failOn(fault);
    if (this.#pausedFor === 0) this.#socket.resume();
  }

  #stopReading(reason: number): void {
    if (this.#state !== "open") return;
    const isRead = this.#pausedFor === 0;
    this.#pausedFor |= reason;
    if (!isRead) return;
    this.#wasPaused = true;
    this.#parser.stop();
    this.#socket.pause();
  }

  #allowReading(reasons: number): void {
    if ((this.#pausedFor & reasons) === 0) return;
    this.#pausedFor &= ~reasons;
    // Not at once: the hub is in the middle of something, and what waits here may call it again.
    if (this.#pausedFor === 0) setImmediate(() => this.#readOn());
  }

  /** What came is taken; what comes next waits until the rate allows it. */
  #keepToRate(): void {
    const waitMs = this.#rate?.waitMs ?? 0;
    if (waitMs === 0) return;
    if ((this.#pausedFor & Reason.rate) === 0) this.#parts.throttle.hitCount += 1;
    this.pauseFor(waitMs);
  }

  #failOn(fault: ProtocolFault | undefined): void {
    if (fault === undefined) return;
    this.#session?.end();
    // RFC 6455 section 7.1.7: the connection is failed; its end does not wait for an answer.
    this.#isPeerDone = true;
    this.close(fault.code, fault.reason);
  }

  onMessage(bytes: Buffer, isBinary: boolean, isPrintable: boolean): void {
    if (this.#state !== "open") return;
    const { flusher, pacing } = this.#parts;
    flusher.isPatient = pacing.sent(this.#pace);
    try {
      this.#session?.receive(bytes, isBinary, isPrintable);
    } catch (error) {
      this.#parts.onDefect(this, error);
    }
    flusher.isPatient = false;
    if (this.#rate?.tookMessage() === true) this.#keepToRate();
  }

  onPing(payload: Buffer): void {
    if (this.#rate?.tookMessage() === true) this.#keepToRate();
    this.#queue.pong(payload);
    this.#scheduleSoon();
  }

  onClose(code: number | undefined): void {
    this.#isPeerDone = true;
    this.#isCloseReceived = true;
    this.#session?.end();
    if (this.#state === "open") {
      // RFC 6455 section 5.5.1: the answer echoes the code; section 7.1.5: 1005 stands for none.
      this.close(code ?? 1005, "");
    } else if (this.#queue.isCloseTaken && this.#writingBytes === 0) this.#endSocket();
  }

  /** Writes what waits: control frames first, then frames in order, the close frame last. One write is under way at a time. */
  flush(): void {
    this.#scheduled = "no";
    if (this.#writingBytes > 0 || this.#socket.destroyed) return;
    const bytes = this.#queue.take();
    if (bytes === undefined) return;
    this.lastFlushMs = this.#parts.flusher.nowMs;
    this.#writingBytes = bytes.length;
    this.#socket.write(bytes, this.#onWritten);
  }

  /** The socket is gone. */
  ended(): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#closeTimer?.cancel();
    this.#parts.throttle.forget(this);
    this.#queue.clear();
    this.#below = undefined;
    this.#session?.end();
    this.#parts.onEnd(this, this.#closeCode);
  }

  /** Notes the frame that came last. */
  #follow(): void {
    const { flusher } = this.#parts;
    if (!flusher.isReading) return;
    this.#followedUntilBytes = this.#drainedBytes + this.#writingBytes + this.#queue.frameBytes;
    this.#followedSinceMs = flusher.nowMs;
  }

  #scheduleSoon(): void {
    if (this.#scheduled === "soon") return;
    this.#scheduled = "soon";
    this.#parts.flusher.scheduleSoon(this);
  }

  #written(error: Error | null | undefined): void {
    // After a failure somebody may still read the bytes: they are left to the collector.
    if (error) return;
    this.#queue.written();
    this.#drainedBytes += this.#writingBytes;
    this.#writingBytes = 0;
    if (this.#followedUntilBytes > 0 && this.#drainedBytes >= this.#followedUntilBytes) {
      this.#followedUntilBytes = 0;
      this.#parts.flusher.writtenLate(this.#followedSinceMs);
    }
    const below = this.#below;
    if (below !== undefined && this.bufferedBytes <= below.bytes) {
      this.#below = undefined;
      below.callback();
    }
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

// One function for all sockets in place of a closure for each.

function onData(this: LinkedSocket, chunk: Buffer): void {
  this[LINK].read(chunk);
}

function onEnd(this: Socket): void {
  // Ending twice makes Node build an error with its stack for nobody: 3 % of a connect, join and close (bench W5).
  if (!this.writableEnded) this.end();
}

function onError(this: Socket): void {
  // Node destroys the socket after this event; its close tells the rest.
}

function onClose(this: LinkedSocket): void {
  this[LINK].ended();
}
