import type { SlowReason } from "../hub/ports.ts";

/** When a reader takes too little. */
export type ReaderLimits = {
  /** One that answers pings takes nothing for this long. On a fast line, and where only the kernel can tell, it is longer. */
  readonly stalledReaderTimeoutMs: number;
  /** It takes less than `slowReaderBytesPerSecond` for this long. */
  readonly slowReaderTimeoutMs: number;
  readonly slowReaderBytesPerSecond: number;
};

/** Pings that may be out: below what ends clients that are slow to answer (ws: 60). With the spacing it is the window. */
const MAX_PINGS = 16;
/**
 * Until it has read some data: on 64 kbit/s twice as much would take 32 s, and the answers to the client's own pings stand
 * behind it (Python's websockets waits 20 s for one).
 */
const MAX_FIRST_PINGS = 8;
/** Bytes between two pings: a slow line needs them close, and on a fast one they cost (16 KiB: 2.8x the CPU of 256). */
const FIRST_SPACING_BYTES = 16_384;
const MIN_SPACING_BYTES = 4096;
const MAX_SPACING_BYTES = 1_048_576;
/** A line may have become another one meanwhile. */
const IDLE_MS = 1000;
/** The spacing doubles where its bytes took no longer, and the pong was about as quick as ever; it halves where it was late. */
const QUICK_BLOCK_MS = 1000;
const QUICK_PONG_MS = 200;
const LATE_PONG_MS = 1000;
/** So far beyond the last pong, the next one needs longer. */
const FAR_BYTES = 262_144;
const FAR_RATIO = 1.6;
/** Where only the kernel can tell: its buffers are up to 12 s between two callbacks. */
const BLIND_RATIO = 3;
/**
 * The kernel calls a socket writable on any acknowledgement, also on that of a probe of a window that stays shut: one callback
 * that came late proves nothing of a reader that never answered. Two do.
 */
const LATE_CALLBACK_MS = 100;
const NEVER_ANSWERED_RATIO = 3.4;
/** One that has answered before, and does not any more. Longer than any of the above. */
const MUTE_RATIO = 2;
/** A ping that is out for so long while the peer's own data keeps coming in stands behind that data. */
const BEHIND_UPLOAD_MS = 2000;
/** So much of it, at least: a ping of the client's own, or a heartbeat, holds no pong up. */
const MIN_UPLOAD_BYTES = 8192;
/** Distances of pings to a blind reader that is read: 16 of them span what a kernel holds, and none is 30 s of a slow line. */
const FIRST_BLIND_BYTES = 8192;
const MAX_BLIND_BYTES = 262_144;
/** A reader that was not asked about for so long had nothing waiting. */
const NOT_JUDGED_MS = 1000;
/** How soon one that is read again is asked again without data. */
const PING_AGAIN_MS = 1000;

type OutPing = {
  readonly number: number;
  readonly behindBytes: number;
  /** Since the ping before. */
  readonly blockBytes: number;
  readonly begunAtMs: number;
  readonly sentAtMs: number;
};

/**
 * What one peer has read, told by itself: pings with a number go behind the data, and a pong proves that all before it was
 * read. The kernel does not tell: Linux calls a socket writable when a third of its buffer is free, which on a slow line
 * is every 12 s. A reader whose pongs cannot be expected is *blind*: the relay does not read it, or it never answered.
 * @see docs/protocol.md#backpressure, RFC 6455 section 5.5.2
 */
export class ReaderProgress {
  readonly #limits: ReaderLimits;
  #spacingBytes = FIRST_SPACING_BYTES;
  #writtenBytes = 0;
  #sincePingBytes = 0;
  #begunAtMs = 0;
  #lastWriteMs = 0;
  #lastNumber = 0;
  #lastPingMs = Number.NEGATIVE_INFINITY;
  #out: OutPing[] = [];
  #readBytes = 0;
  #quickestMs = Number.POSITIVE_INFINITY;
  #lastPongMs = Number.NEGATIVE_INFINITY;
  /** A pong, a write callback where that counts, or a fresh start. */
  #progressAtMs = Number.NEGATIVE_INFINITY;
  #hasAnswered = false;
  /** What came of the peer since its last pong, while one was awaited. */
  #heardBytes = 0;
  /** While it is blind because it has never answered: how many write callbacks came late. */
  #lateCallbackCount = 0;
  /** It is blind: it is not read; or until the next pong. */
  #isUnread = false;
  #isUntilPong = false;
  #blindSinceMs = 0;
  /** What was written while it was blind ends here. */
  #blindUntilBytes = 0;
  #blindSpacingBytes = FIRST_BLIND_BYTES;
  /** The first at once: who reads slowly has to have answered one before it counts as one that never answers. */
  #isPingDue = true;
  #judgedAtMs = Number.NEGATIVE_INFINITY;
  #waitsSinceMs = 0;
  #markAtMs = 0;
  #markBytes = 0;

  constructor(limits: ReaderLimits) {
    this.#limits = limits;
  }

  /** What the peer has read for certain. */
  get readBytes(): number {
    return this.#readBytes;
  }

  get isBlind(): boolean {
    return this.#isUnread || this.#isUntilPong;
  }

  /** How much may be written now. */
  get roomBytes(): number {
    if (this.isBlind) return Math.max(FIRST_SPACING_BYTES, this.#spacingBytes);
    const maxPings = this.#readBytes === 0 ? MAX_FIRST_PINGS : MAX_PINGS;
    if (this.#out.length >= maxPings) return 0;
    // Little at a time to one that may be slow: its first pongs come behind it.
    if (!this.#hasAnswered) return FIRST_SPACING_BYTES;
    // Where no ping is out, none could open the window again.
    if (this.#out.length === 0) return maxPings * this.#spacingBytes;
    return (maxPings - this.#out.length) * this.#spacingBytes - this.#sincePingBytes;
  }

  /** A larger message goes in pieces of this, so that pings can go between them. */
  get fragmentBytes(): number {
    return this.isBlind ? Number.POSITIVE_INFINITY : this.#spacingBytes;
  }

  /** Whether a ping is to go now, ahead of everything: it was not asked since it is read again. */
  get isPingDue(): boolean {
    return this.#isPingDue && this.#out.length < MAX_PINGS;
  }

  /** So much is about to be written. @returns whether a ping is due behind it. */
  wrote(byteCount: number, nowMs: number): boolean {
    // Behind a window that is shut nothing is written, and nobody is idle.
    const isIdle = this.#out.length === 0 && nowMs - this.#lastWriteMs > IDLE_MS;
    if (isIdle) this.#spacingBytes = FIRST_SPACING_BYTES;
    if (this.#sincePingBytes === 0) this.#begunAtMs = nowMs;
    this.#lastWriteMs = nowMs;
    this.#writtenBytes += byteCount;
    this.#sincePingBytes += byteCount;
    if (this.isBlind) this.#blindUntilBytes = this.#writtenBytes;
    if (this.#isUnread || this.#out.length >= MAX_PINGS) return false;
    return this.#sincePingBytes >= (this.isBlind ? this.#blindSpacingBytes : this.#spacingBytes);
  }

  /** A ping goes behind what was written. @returns its number. */
  pinged(nowMs: number): number {
    this.#lastNumber = (this.#lastNumber + 1) >>> 0;
    const begunAtMs = this.#sincePingBytes === 0 ? nowMs : this.#begunAtMs;
    const blockBytes = this.#sincePingBytes;
    this.#out.push({
      number: this.#lastNumber,
      behindBytes: this.#writtenBytes,
      blockBytes,
      begunAtMs,
      sentAtMs: nowMs,
    });
    this.#lastPingMs = nowMs;
    this.#sincePingBytes = 0;
    this.#isPingDue = false;
    if (this.isBlind) this.#blindSpacingBytes = Math.min(MAX_BLIND_BYTES, this.#blindSpacingBytes * 2);
    return this.#lastNumber;
  }

  /** RFC 6455 section 5.5.3: a pong may answer for the pings before it. @returns whether it is one of ours. */
  ponged(number: number, nowMs: number): boolean {
    const index = this.#out.findIndex((ping) => ping.number === number);
    if (index === -1) return false;
    for (const ping of this.#out.slice(0, index + 1)) this.#answered(ping, nowMs);
    this.#out = this.#out.slice(index + 1);
    this.#hasAnswered = true;
    this.#heardBytes = 0;
    this.#progressAtMs = nowMs;
    if (!this.#isUnread && this.#isUntilPong) this.#seeAgain(nowMs);
    return true;
  }

  /** The kernel has taken what it had no room for before. */
  drained(nowMs: number): void {
    if (!this.#hasLonger) return;
    this.#progressAtMs = nowMs;
    if (nowMs - this.#lastWriteMs >= LATE_CALLBACK_MS) this.#lateCallbackCount += 1;
  }

  /** So much of the peer's own came, and no pong with it. @returns whether it is blind for that, and was not before. */
  heard(byteCount: number, nowMs: number): boolean {
    const [oldest] = this.#out;
    if (this.isBlind || oldest === undefined) return false;
    this.#heardBytes += byteCount;
    if (nowMs - oldest.sentAtMs < BEHIND_UPLOAD_MS || this.#heardBytes < MIN_UPLOAD_BYTES) return false;
    this.#becomeBlind(nowMs);
    return true;
  }

  /**
   * Whether it is blind for not answering, and was not before: there may be a proxy in between that eats pings. One that has
   * never answered has its time for it; another one has more: where much waits for it, it is judged before. To be asked now
   * and then: behind a window that is shut nothing else happens.
   */
  loseSight(nowMs: number): boolean {
    const [oldest] = this.#out;
    if (this.isBlind || oldest === undefined) return false;
    const { stalledReaderTimeoutMs } = this.#limits;
    const limitMs = this.#hasAnswered ? stalledReaderTimeoutMs * MUTE_RATIO : stalledReaderTimeoutMs;
    if (nowMs - Math.max(oldest.sentAtMs, this.#lastPongMs) < limitMs) return false;
    this.#becomeBlind(nowMs);
    this.#progressAtMs = nowMs;
    return true;
  }

  /** The relay does not read it: no pong can come, and pings would do harm. */
  unread(nowMs: number): void {
    if (!this.isBlind) this.#blindSinceMs = nowMs;
    this.#isUnread = true;
    this.#isPingDue = false;
  }

  /** The relay reads it again. */
  readAgain(nowMs: number): void {
    this.#isUnread = false;
    this.#isUntilPong = true;
    // One that is above its rate is stopped and let go 100 times a second.
    this.#isPingDue = nowMs - this.#lastPingMs >= PING_AGAIN_MS;
    this.#blindSpacingBytes = this.#firstBlindBytes;
  }

  /** It was not read for one who was in its way and who has been ended: a fresh start. */
  freed(nowMs: number): void {
    this.#progressAtMs = nowMs;
    this.#beginToWait(nowMs);
  }

  /** Whether it takes too little of what waits. To be asked a few times a second while something waits, and only then. */
  judge(nowMs: number): SlowReason | undefined {
    if (nowMs - this.#judgedAtMs > NOT_JUDGED_MS) this.#beginToWait(nowMs);
    this.#judgedAtMs = nowMs;
    if (!this.#hasAnswered) this.loseSight(nowMs);
    const silentMs = nowMs - Math.max(this.#progressAtMs, this.#waitsSinceMs);
    const mayJudge = this.#hasAnswered || this.isBlind;
    if (mayJudge && silentMs >= this.#stalledAfterMs()) return "stalled";
    if (this.#hasNeverShownLife(nowMs)) return "stalled";
    return this.#isTooSlow() ? "slow" : undefined;
  }

  #beginToWait(nowMs: number): void {
    this.#waitsSinceMs = nowMs;
    this.#markAtMs = nowMs;
    this.#markBytes = this.#readBytes;
  }

  #hasNeverShownLife(nowMs: number): boolean {
    if (this.#hasAnswered || !this.isBlind || this.#isUnread || this.#lateCallbackCount > 1) return false;
    const waitedMs = nowMs - Math.max(this.#blindSinceMs, this.#waitsSinceMs);
    return waitedMs >= this.#limits.stalledReaderTimeoutMs * NEVER_ANSWERED_RATIO;
  }

  #stalledAfterMs(): number {
    const { stalledReaderTimeoutMs } = this.#limits;
    if (this.#hasLonger) return stalledReaderTimeoutMs * BLIND_RATIO;
    const [oldest] = this.#out;
    const isFar = oldest !== undefined && oldest.behindBytes - this.#readBytes > FAR_BYTES;
    return isFar ? stalledReaderTimeoutMs * FAR_RATIO : stalledReaderTimeoutMs;
  }

  /** Judged at pongs: between them nothing is known. */
  #isTooSlow(): boolean {
    const { slowReaderTimeoutMs, slowReaderBytesPerSecond } = this.#limits;
    const elapsedMs = this.#lastPongMs - this.#markAtMs;
    if (this.isBlind || elapsedMs < slowReaderTimeoutMs) return false;
    const byteCount = this.#readBytes - this.#markBytes;
    this.#markAtMs = this.#lastPongMs;
    this.#markBytes = this.#readBytes;
    return (byteCount * 1000) / elapsedMs < slowReaderBytesPerSecond;
  }

  #becomeBlind(nowMs: number): void {
    this.#blindSinceMs = nowMs;
    this.#lateCallbackCount = 0;
    this.#blindSpacingBytes = this.#firstBlindBytes;
    this.#isUntilPong = true;
  }

  /** How fast it reads is measured without the time in which its pongs could not come. */
  #seeAgain(nowMs: number): void {
    this.#isUntilPong = false;
    this.#markAtMs += Math.max(0, nowMs - Math.max(this.#blindSinceMs, this.#markAtMs));
  }

  get #firstBlindBytes(): number {
    return Math.min(MAX_BLIND_BYTES, Math.max(this.#spacingBytes, FIRST_BLIND_BYTES));
  }

  /** It is blind, or has not read yet what was written while it was: pongs come when that is read. */
  get #hasLonger(): boolean {
    return this.isBlind || this.#readBytes < this.#blindUntilBytes;
  }

  #answered({ behindBytes, blockBytes, begunAtMs, sentAtMs }: OutPing, nowMs: number): void {
    const pongMs = nowMs - sentAtMs;
    const blockMs = nowMs - Math.max(this.#lastPongMs, begunAtMs);
    this.#quickestMs = Math.min(this.#quickestMs, pongMs);
    // What a small block took says nothing about a larger one.
    const isQuick = blockMs <= QUICK_BLOCK_MS && blockBytes >= this.#spacingBytes;
    if (pongMs >= this.#quickestMs + LATE_PONG_MS)
      this.#spacingBytes = Math.max(MIN_SPACING_BYTES, this.#spacingBytes / 2);
    else if (isQuick && pongMs <= this.#quickestMs + QUICK_PONG_MS)
      this.#spacingBytes = Math.min(MAX_SPACING_BYTES, this.#spacingBytes * 2);
    this.#readBytes = Math.max(this.#readBytes, behindBytes);
    this.#lastPongMs = nowMs;
  }
}
