import type { Socket } from "node:net";
import type { Clock } from "../clock.ts";
import type { Link, Session } from "../hub/ports.ts";
import type { Batch } from "./batch.ts";
import type { Flushable, Flusher } from "./flusher.ts";
import { closeFrame, controlFrame, FrameStart, PING } from "./frame.ts";
import { type FrameHandler, FrameParser, type ProtocolFault } from "./frame-parser.ts";
import { type Pacing, SenderPace } from "./pacing.ts";

/** How much is handed to TLS at once: it is encrypted then, and no longer shared with other links. */
const MAX_WRITE_BYTES = 131_072;

/** Pongs that may wait for a client that pings faster than it reads. */
const MAX_PONGS = 64;

/** What all links share. */
export type LinkParts = {
  readonly clock: Clock;
  readonly flusher: Flusher;
  readonly pacing: Pacing;
  /** Told of a defect in a session, and of the end of each link, once. */
  readonly onDefect: (link: WebSocketLink, error: unknown) => void;
  readonly onEnd: (link: WebSocketLink, closeCode: number) => void;
};

/** What tunes a link. */
export type LinkOptions = { readonly maxFrameBytes: number; readonly closeTimeoutMs: number };

const LINK = Symbol("link");
type LinkedSocket = Socket & { [LINK]: WebSocketLink };

/**
 * One WebSocket after its handshake: reads messages for its session and writes frames for the hub.
 * It owns the socket, the frames that wait for it, and the closing handshake.
 */
export class WebSocketLink implements Link, FrameHandler, Flushable {
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
  #isCloseSent = false;
  #isCloseReceived = false;

  /** Frames that came since the last write. */
  #batch: Batch;
  /** Frames from before that, which one write could not take; from `#backlogAt` on. */
  #backlog: Uint8Array[] = [];
  #backlogAt = 0;
  #backlogBytes = 0;
  #writingBytes = 0;
  #pongs: Uint8Array[] = [];
  #isPingDue = false;
  #close: Uint8Array | undefined;
  #scheduled: "no" | "soon" | "later" = "no";
  readonly #onWritten = () => this.#written();
  #drainedBytes = 0;
  #below: { readonly bytes: number; readonly callback: () => void } | undefined;
  #isPaused = false;
  /** Whether reading was paused since this was last asked: then silence is not the peer's. */
  #wasPaused = false;

  readonly #pace = new SenderPace();
  #bytesHeard = -1;

  constructor(parts: LinkParts, socket: Socket, connectionNumber: number, options: LinkOptions) {
    this.#parts = parts;
    this.#socket = socket;
    this.#closeTimeoutMs = options.closeTimeoutMs;
    this.#parser = new FrameParser(this, { maxMessageBytes: options.maxFrameBytes });
    this.#batch = parts.flusher.root;
    this.connectionNumber = connectionNumber;
    this.openedAtMs = parts.clock.monotonicMs();
  }

  /** Starts the conversation. @param head what came with the upgrade request. */
  attach(session: Session, head: Buffer): void {
    this.#session = session;
    const socket = Object.assign(this.#socket, { [LINK]: this });
    socket.setTimeout(0);
    socket.setNoDelay(true);
    socket.on("data", onData);
    socket.on("end", onEnd);
    socket.on("error", onError);
    socket.on("close", onClose);
    if (head.length > 0) this.read(head);
  }

  get bufferedBytes(): number {
    return this.#batch.byteLength + this.#backlogBytes + this.#writingBytes;
  }

  get drainedBytes(): number {
    return this.#drainedBytes;
  }

  pause(): void {
    if (this.#isPaused || this.#state !== "open") return;
    this.#isPaused = true;
    this.#wasPaused = true;
    this.#parser.stop();
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    // Not at once: the hub is in the middle of something, and what waits here may call it again.
    setImmediate(() => this.#readOn());
  }

  whenBelow(bytes: number, callback: () => void): void {
    this.#below = { bytes, callback };
  }

  /** Takes a whole frame, header and all. */
  send(frame: Uint8Array): void {
    if (this.#state !== "open") return;
    this.#batch = this.#batch.append(frame);
    if (this.#scheduled === "soon" || this.#writingBytes > 0) return;
    if (this.#scheduled === "no") this.#scheduled = this.#parts.flusher.schedule(this);
    else if (!this.#parts.flusher.isPatient) this.#scheduleSoon();
  }

  close(code: number, reason: string): void {
    if (this.#state !== "open") return;
    this.#state = "closing";
    this.#close = closeFrame(code, reason);
    this.#closeCode = code;
    // The peer's answer must be heard.
    this.resume();
    this.#scheduleSoon();
    this.#parts.clock.after(this.#closeTimeoutMs, () => this.terminate());
  }

  /** Ends the connection at once, without a close frame. */
  terminate(): void {
    this.#socket.destroy();
  }

  ping(): void {
    if (this.#state !== "open") return;
    this.#isPingDue = true;
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
    this.#wasPaused = this.#isPaused;
    return wasHeard;
  }

  /** Takes what came from the socket. */
  read(chunk: Buffer): void {
    if (this.#state === "ended") return;
    this.#parts.flusher.tick();
    this.#failOn(this.#parser.push(chunk));
  }

  #readOn(): void {
    if (this.#isPaused || this.#state === "ended") return;
    this.#parts.flusher.tick();
    this.#failOn(this.#parser.resume());
    if (!this.#isPaused) this.#socket.resume();
  }

  #failOn(fault: ProtocolFault | undefined): void {
    if (fault === undefined) return;
    this.#session?.end();
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
  }

  onPing(payload: Buffer): void {
    // RFC 6455 section 5.5.3: a pong for the latest ping is enough; so a flood of pings cannot grow this.
    if (this.#pongs.length === MAX_PONGS) this.#pongs.shift();
    this.#pongs.push(controlFrame(FrameStart.pong, payload));
    this.#scheduleSoon();
  }

  onClose(code: number | undefined): void {
    this.#isCloseReceived = true;
    this.#session?.end();
    if (this.#state === "open") {
      // RFC 6455 section 5.5.1: the answer echoes the code.
      this.close(code ?? 1000, "");
      // RFC 6455 section 7.1.5: 1005 stands for a close frame without a code.
      this.#closeCode = code ?? 1005;
    } else if (this.#isCloseSent) this.#socket.end();
  }

  /** Writes what waits: control frames first, then frames in order, the close frame last. One write is under way at a time. */
  flush(): void {
    this.#scheduled = "no";
    if (this.#writingBytes > 0 || this.#socket.destroyed) return;
    const bytes = this.#takeBytes();
    if (bytes === undefined) return;
    this.lastFlushMs = this.#parts.flusher.nowMs;
    this.#writingBytes = bytes.length;
    this.#socket.write(bytes, this.#onWritten);
  }

  /** The socket is gone. */
  ended(): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#batch = this.#parts.flusher.root;
    this.#backlog = [];
    this.#below = undefined;
    this.#session?.end();
    this.#parts.onEnd(this, this.#closeCode);
  }

  #scheduleSoon(): void {
    if (this.#scheduled === "soon") return;
    this.#scheduled = "soon";
    this.#parts.flusher.scheduleSoon(this);
  }

  #written(): void {
    this.#drainedBytes += this.#writingBytes;
    this.#writingBytes = 0;
    const below = this.#below;
    if (below !== undefined && this.bufferedBytes <= below.bytes) {
      this.#below = undefined;
      below.callback();
    }
    if (this.#isCloseSent && this.#isCloseReceived) this.#socket.end();
    else if (this.#hasWaiting()) this.flush();
  }

  #hasWaiting(): boolean {
    return (
      this.#batch.byteLength + this.#backlogBytes > 0 ||
      this.#pongs.length > 0 ||
      this.#isPingDue ||
      this.#close !== undefined
    );
  }

  /** Takes up to one write's worth of what waits. */
  #takeBytes(): Uint8Array | undefined {
    const control = this.#takeControl();
    const batch = this.#batch;
    const isWhole = this.#backlogBytes === 0 && batch.byteLength <= MAX_WRITE_BYTES;
    if (isWhole && control === undefined && this.#close === undefined) {
      this.#batch = this.#parts.flusher.root;
      return batch.byteLength === 0 ? undefined : batch.bytes();
    }
    const pieces = control === undefined ? [] : [control];
    this.#toBacklog(batch);
    this.#takeBacklog(pieces);
    if (this.#close !== undefined && this.#backlogBytes === 0) {
      pieces.push(this.#close);
      this.#close = undefined;
      this.#isCloseSent = true;
    }
    // One large frame goes as it is: joining would copy it.
    return pieces.length > 1 ? Buffer.concat(pieces) : pieces[0];
  }

  #takeControl(): Uint8Array | undefined {
    if (this.#pongs.length === 0 && !this.#isPingDue) return undefined;
    const frames = this.#isPingDue ? [...this.#pongs, PING] : this.#pongs;
    this.#pongs = [];
    this.#isPingDue = false;
    return Buffer.concat(frames);
  }

  #toBacklog(batch: Batch): void {
    this.#backlogBytes += batch.byteLength;
    this.#backlog.push(...batch.frames());
    this.#batch = this.#parts.flusher.root;
  }

  #takeBacklog(pieces: Uint8Array[]): void {
    let byteCount = 0;
    while (this.#backlogAt < this.#backlog.length) {
      const frame = this.#backlog[this.#backlogAt];
      if (frame === undefined || (byteCount > 0 && byteCount + frame.length > MAX_WRITE_BYTES)) return;
      pieces.push(frame);
      byteCount += frame.length;
      this.#backlogAt += 1;
      this.#backlogBytes -= frame.length;
    }
    this.#backlog = [];
    this.#backlogAt = 0;
  }
}

// One function for all sockets in place of a closure for each.

function onData(this: LinkedSocket, chunk: Buffer): void {
  this[LINK].read(chunk);
}

function onEnd(this: Socket): void {
  this.end();
}

function onError(this: Socket): void {
  // Node destroys the socket after this event; its close tells the rest.
}

function onClose(this: LinkedSocket): void {
  this[LINK].ended();
}
