import { MAX_WRITE_BYTES } from "../limits/write-limit.ts";
import { controlFrame, FrameStart, numberedPing, PING } from "../wire/control-frame.ts";
import { frameMemory, LARGE_FRAME_BYTES } from "../wire/frame-memory.ts";
import { Fragments } from "../wire/message-frame.ts";
import type { Batch } from "./batch.ts";

/** Pongs that may wait for a client that pings faster than it reads. */
const MAX_PONGS = 64;
/** What a waiting frame costs beside its bytes: its buffer's object and its places in chain and queue. */
const FRAME_OVERHEAD_BYTES = 256;
/** The longest header of a frame of the relay's. */
const MAX_HEADER_BYTES = 10;
/** Places of sent frames are given up when there are this many, and no fewer than those of waiting ones. */
const MIN_COMPACTION = 1024;

const NOTHING = new Uint8Array(0);

/** How much may be taken at once, and whether the reader is to be asked what it has read. Implemented by relay/websocket/reader-progress.ts. */
export interface WriteRoom {
  readonly roomBytes: number;
  /** Larger messages go in fragments of this. */
  readonly fragmentBytes: number;
  /** Whether a ping is to go ahead of what waits. */
  readonly isPingDue: boolean;
  /** So many bytes were taken. @returns whether a ping is to go behind them. */
  wrote(byteCount: number, nowMs: number): boolean;
  /** A ping was taken. @returns its number. */
  pinged(nowMs: number): number;
}

/** What waits to be written to one socket: frames in order, control frames ahead of them, the close frame behind them. */
export class SendQueue {
  readonly #root: Batch;
  /** Frames that came since the last write. */
  #batch: Batch;
  /** Frames from before that, which one write could not take; from `#at` on. */
  #backlog: Uint8Array[] = [];
  #at = 0;
  #backlogBytes = 0;
  /** A frame has been written in part: nothing may come between its parts. */
  #isInFrame = false;
  /** A message that has been taken in part, as fragments: control frames may come between them, and no other message. */
  #fragments: Fragments | undefined;
  /** The large frame whose last bytes were taken and are not written yet. */
  #lent: Uint8Array | undefined;
  #pongs: Uint8Array[] = [];
  #isPingDue = false;
  #close: Uint8Array | undefined;
  #isCloseTaken = false;

  /** @param root where the chains of all links begin. */
  constructor(root: Batch) {
    this.#root = root;
    this.#batch = root;
  }

  /** What the waiting frames cost. */
  get byteCount(): number {
    const frameCount = this.#batch.frameCount + this.#backlog.length - this.#at;
    return this.#batch.byteLength + this.#backlogBytes + frameCount * FRAME_OVERHEAD_BYTES;
  }

  /** The bytes of the waiting frames. */
  get frameBytes(): number {
    return this.#batch.byteLength + this.#backlogBytes;
  }

  get isEmpty(): boolean {
    return this.byteCount === 0 && this.#pongs.length === 0 && !this.#isPingDue && this.#close === undefined;
  }

  /** Whether a ping of the sweep has not been taken yet. */
  get isPingWaiting(): boolean {
    return this.#isPingDue;
  }

  /** Whether what was taken last is memory that is used again after `written`. */
  get isLending(): boolean {
    return this.#lent !== undefined || this.#isInFrame;
  }

  /** Whether the close frame has been taken: nothing follows it. */
  get isCloseTaken(): boolean {
    return this.#isCloseTaken;
  }

  append(frame: Uint8Array): void {
    if (frame.length >= LARGE_FRAME_BYTES) frameMemory.retain(frame);
    this.#batch = this.#batch.append(frame);
  }

  /** RFC 6455 section 5.5.3: a pong for the latest ping is enough; so a flood of pings cannot grow this. */
  pong(payload: Uint8Array): void {
    if (this.#pongs.length === MAX_PONGS) this.#pongs.shift();
    this.#pongs.push(controlFrame(FrameStart.pong, payload));
  }

  ping(): void {
    this.#isPingDue = true;
  }

  close(frame: Uint8Array): void {
    this.#close = frame;
  }

  clear(): void {
    this.#batch = this.#root;
    this.#backlog = [];
    this.#at = 0;
    this.#backlogBytes = 0;
    this.#fragments = undefined;
    this.#pongs = [];
    this.#close = undefined;
  }

  /** What was taken last has been written: nobody reads it for this queue any more. */
  written(): void {
    if (this.#lent !== undefined) frameMemory.release(this.#lent);
    this.#lent = undefined;
  }

  /**
   * Takes up to one write's worth of what waits; undefined where nothing does, or the reader has to read first. Never
   * write to it: it may be shared.
   * @param progress what is known of the reader; undefined: nothing has been asked of it yet.
   */
  take(progress: WriteRoom | undefined, nowMs: number): Uint8Array | undefined {
    const control = this.#isInFrame ? undefined : this.#takeControl(progress, nowMs);
    const batch = this.#batch;
    const roomBytes = Math.min(MAX_WRITE_BYTES, progress?.roomBytes ?? MAX_WRITE_BYTES);
    const isShort = this.#backlogBytes === 0 && batch.byteLength <= roomBytes && !batch.hasLarge;
    if (isShort && control === undefined && this.#close === undefined) {
      this.#batch = this.#root;
      batch.forgetNext();
      if (batch.byteLength === 0) return undefined;
      const bytes = batch.bytes();
      if (progress?.wrote(bytes.length, nowMs) !== true) return bytes;
      return Buffer.concat([bytes, numberedPing(progress.pinged(nowMs))]);
    }
    const pieces = control === undefined ? [] : [control];
    this.#toBacklog(batch);
    if (roomBytes > 0) this.#takeBacklog(pieces, roomBytes, progress?.fragmentBytes ?? Number.POSITIVE_INFINITY);
    if (progress !== undefined) this.#askBehind(pieces, progress, nowMs);
    if (this.#close !== undefined && this.#backlogBytes === 0 && this.#lent === undefined) {
      pieces.push(this.#close);
      this.#close = undefined;
      this.#isCloseTaken = true;
    }
    // One piece goes as it is: joining would copy it.
    return pieces.length > 1 ? Buffer.concat(pieces) : pieces[0];
  }

  /** A ping behind what was taken, where it is time for one. */
  #askBehind(pieces: Uint8Array[], progress: WriteRoom, nowMs: number): void {
    let byteCount = 0;
    for (const piece of pieces) byteCount += piece.length;
    const isDue = byteCount > 0 && progress.wrote(byteCount, nowMs);
    if (isDue && !this.#isInFrame) pieces.push(numberedPing(progress.pinged(nowMs)));
  }

  #takeControl(progress: WriteRoom | undefined, nowMs: number): Uint8Array | undefined {
    const isAskDue = progress?.isPingDue === true;
    if (this.#pongs.length === 0 && !this.#isPingDue && !isAskDue) return undefined;
    const frames = this.#isPingDue ? [...this.#pongs, PING] : this.#pongs;
    this.#pongs = [];
    this.#isPingDue = false;
    if (isAskDue) frames.push(numberedPing(progress.pinged(nowMs)));
    return Buffer.concat(frames);
  }

  #toBacklog(batch: Batch): void {
    this.#backlogBytes += batch.byteLength;
    if (this.#backlog.length === 0) this.#backlog = batch.frames();
    // Not push(...frames): a slow reader of small messages has more of them than a call may have arguments.
    else for (const frame of batch.frames()) this.#backlog.push(frame);
    batch.forgetNext();
    this.#batch = this.#root;
  }

  /** @param fragmentBytes larger messages go in fragments of this. */
  #takeBacklog(pieces: Uint8Array[], maxBytes: number, fragmentBytes: number): void {
    let roomBytes = maxBytes;
    while (this.#at < this.#backlog.length && roomBytes > 0) {
      const frame = this.#backlog[this.#at] ?? NOTHING;
      const isCut =
        this.#fragments !== undefined || (!this.#isInFrame && frame.length > fragmentBytes + MAX_HEADER_BYTES);
      const isLarge = frame.length >= LARGE_FRAME_BYTES || this.#isInFrame || isCut;
      // A frame is cut only where it alone is more than one write.
      if ((isLarge || frame.length > roomBytes) && pieces.length > 0) break;
      if (isCut) {
        this.#takeFragment(frame, pieces, Math.min(fragmentBytes, maxBytes));
        break;
      }
      // A view costs as much as the frame's copy: only of what is cut.
      const piece = frame.length <= roomBytes ? frame : frame.subarray(0, roomBytes);
      pieces.push(piece);
      roomBytes -= piece.length;
      this.#backlogBytes -= piece.length;
      this.#isInFrame = piece.length < frame.length;
      // What has been sent is let go at once; its place when half of them are free.
      this.#backlog[this.#at] = this.#isInFrame ? frame.subarray(piece.length) : NOTHING;
      if (!this.#isInFrame) this.#at += 1;
      if (isLarge) {
        this.#lent = this.#isInFrame ? undefined : frame;
        break;
      }
    }
    if (this.#at === this.#backlog.length) this.#compact();
    else if (this.#at >= MIN_COMPACTION && this.#at * 2 >= this.#backlog.length) this.#compact();
  }

  #takeFragment(frame: Uint8Array, pieces: Uint8Array[], maxBytes: number): void {
    let fragments = this.#fragments;
    if (fragments === undefined) {
      fragments = new Fragments(frame);
      this.#backlogBytes -= frame.length - fragments.restBytes;
    }
    const [header, piece] = fragments.take(maxBytes);
    pieces.push(header, piece);
    this.#backlogBytes -= piece.length;
    this.#fragments = fragments.restBytes === 0 ? undefined : fragments;
    if (this.#fragments !== undefined) return;
    this.#backlog[this.#at] = NOTHING;
    this.#at += 1;
    this.#lent = frame.length >= LARGE_FRAME_BYTES ? frame : undefined;
  }

  #compact(): void {
    this.#backlog = this.#at === this.#backlog.length ? [] : this.#backlog.slice(this.#at);
    this.#at = 0;
  }
}
