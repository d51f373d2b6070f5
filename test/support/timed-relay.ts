import { Hub } from "../../relay/hub/hub.ts";
import type { Peer } from "../../relay/hub/peer.ts";
import type { Encoding, Link, SlowReason } from "../../relay/hub/ports.ts";
import type { Member } from "../../relay/hub/topic.ts";
import { BytesPayload } from "../../relay/session/payload.ts";
import { Batch } from "../../relay/websocket/batch.ts";
import { type ReaderLimits, ReaderProgress } from "../../relay/websocket/reader-progress.ts";
import { SendQueue } from "../../relay/websocket/send-queue.ts";
import { messageFrame } from "../../relay/wire/message-frame.ts";
import { ClientFrames } from "./client-frames.ts";
import { hubOptions } from "./hub-options.ts";
import { TestTime } from "./test-time.ts";

/** The rules of time that simulated clients hold the relay to. A broken one is thrown by its name. */
export type TimedRule =
  | "no live reader is cut"
  | "the dead are ended in time"
  | "everything drains"
  | "one at a time"
  | "no ping while not read";

/** A rule was broken. */
class BrokenTimedRule extends Error {
  constructor(rule: TimedRule, detail: string) {
    super(`${rule}: ${detail}`);
  }
}

/**
 * What a client is like. `steady`: it reads always. `blocking`: it does not read while the relay does not take what it
 * sends. `mute`: it answers no pings. `dead`: it sends, and reads nothing from the start.
 */
export type ClientOptions = {
  readonly kind: "steady" | "blocking" | "mute" | "dead";
  readonly bytesPerSecond: number;
  readonly isClassic: boolean;
  readonly messageCount: number;
  readonly messageBytes: number;
};

/** Who is in the topic, and what is between. */
export type Scenario = { readonly clients: readonly ClientOptions[]; readonly kernelBytes: number };

/** What differs where a rule is broken on purpose. */
export type TimedVariant = { readonly createProgress?: (limits: ReaderLimits) => ReaderProgress };

const TICK_MS = 50;
const CHECK_MS = 250;
const CARE_MS = 5000;
const HIGH_WATER_BYTES = 262_144;
const HOLD_LIMIT_BYTES = 262_144;
const UPLOAD_BYTES_PER_SECOND = 1_000_000;
/** One that never answers is ended last: after 10 and 30 s, and what a check and its own start take. */
const DEAD_AFTER_MS = 45_000;
/** A ring is freed by an end after 30 s at most; then what is left has to be read. */
const GRACE_MS = 60_000;
const LIMITS: ReaderLimits = {
  stalledReaderTimeoutMs: 10_000,
  slowReaderTimeoutMs: 15_000,
  slowReaderBytesPerSecond: 4096,
};

const encoding: Encoding = {
  takes: () => true,
  isAlikeForAll: () => false,
  encode: (event) => {
    if (!("payload" in event)) return messageFrame("binary", Buffer.from(`${event.type}\n`));
    return messageFrame("binary", Buffer.from(`data ${event.from.peerId}\n`), event.payload.raw() ?? Buffer.alloc(0));
  },
};

/** One connection: the relay's link, the kernel between, and the client at the other end. */
class TimedLink implements Link {
  readonly options: ClientOptions;
  readonly got: Map<string, number> = new Map<string, number>();
  closedWith: number | undefined;
  closedAtMs: number = Number.POSITIVE_INFINITY;
  peer: Peer<Member> | undefined;
  member: Member | undefined;
  sentCount: number = 0;
  /** When the kernel took something last. */
  takenAtMs: number = 0;
  congestedAtMs: number = Number.POSITIVE_INFINITY;
  readonly mayWait: boolean = false;
  readonly inFlightBytes: number = 0;
  readonly receivedAtMs: number = 0;
  readonly #relay: TimedRelay;
  readonly #queue: SendQueue = new SendQueue(Batch.empty());
  readonly #progress: ReaderProgress;
  readonly #kernelLimit: number;
  readonly #frames: ClientFrames;
  #kernel: Uint8Array[] = [];
  #kernelBytes = 0;
  #isKernelFull = false;
  #writing: Uint8Array | undefined;
  #writtenBytes = 0;
  #below: { readonly bytes: number; readonly callback: () => void } | undefined;
  #isPaused = false;
  /** It is read until a later turn has come. */
  #isShut = false;
  #readBudget = 0;
  /** What the client has sent and the relay has not taken: a pong's number, or what is left of a message. */
  #upload: { pong?: number; restBytes: number }[] = [];

  constructor(relay: TimedRelay, options: ClientOptions, kernelLimit: number, progress: ReaderProgress) {
    this.#relay = relay;
    this.options = options;
    this.#kernelLimit = kernelLimit;
    this.#progress = progress;
    const pinged = progress.pinged.bind(progress);
    progress.pinged = (nowMs) => {
      if (this.#isShut) throw new BrokenTimedRule("no ping while not read", options.kind);
      return pinged(nowMs);
    };
    this.#frames = new ClientFrames({
      onPing: (number) => {
        if (options.kind !== "mute") this.#upload.push({ pong: number, restBytes: 6 });
      },
      onMessage: (start) => this.#onMessage(start),
    });
  }

  get isOpen(): boolean {
    return this.closedWith === undefined;
  }

  get bufferedBytes(): number {
    return this.#queue.byteCount + (this.#writing?.length ?? 0);
  }

  get isCongested(): boolean {
    return this.peer?.outbox.hasRoom === false;
  }

  get isSending(): boolean {
    return this.#upload.some(({ pong }) => pong === undefined);
  }

  send(frame: Uint8Array): void {
    if (!this.isOpen) return;
    this.#queue.append(frame);
    this.#relay.soon(this);
  }

  close(code: number): void {
    this.closedWith = code;
    this.closedAtMs = this.#relay.time.nowMs;
    this.#queue.clear();
  }

  pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    if (!this.#isShut) this.#progress.unread(this.#relay.time.nowMs);
    this.#isShut = true;
  }

  resume({ isFreed }: { readonly isFreed: boolean }): void {
    if (isFreed) this.#progress.freed(this.#relay.time.nowMs);
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#relay.time.nextTurn(() => {
      if (this.#isPaused || !this.#isShut) return;
      this.#isShut = false;
      this.#progress.readAgain(this.#relay.time.nowMs);
      this.#relay.soon(this);
    });
  }

  pauseFor(): void {
    throw new Error("no rates here");
  }

  judge(): SlowReason | undefined {
    const fault = this.#progress.judge(this.#relay.time.nowMs);
    if (this.#progress.isBlind) this.#relay.soon(this);
    return fault;
  }

  lookAfter(): void {
    if (this.#progress.loseSight(this.#relay.time.nowMs)) this.#relay.soon(this);
  }

  whenWritten(): void {
    throw new Error("no presences here");
  }

  whenBelow(bytes: number, callback: () => void): void {
    this.#below = { bytes, callback };
  }

  flush(): void {
    while (this.isOpen) {
      this.#writing ??= this.#queue.take(this.#progress, this.#relay.time.nowMs);
      if (this.#writing === undefined || !this.#fillKernel(this.#writing)) return;
    }
  }

  /** Linux calls a full socket writable again when a third of its buffer is free. @returns whether all has been taken. */
  #fillKernel(bytes: Uint8Array): boolean {
    if (this.#isKernelFull && this.#kernelBytes > (this.#kernelLimit * 2) / 3) return false;
    const piece = bytes.subarray(this.#writtenBytes, this.#writtenBytes + this.#kernelLimit - this.#kernelBytes);
    // A copy, as in a kernel: the queue's memory is used again.
    this.#kernel.push(Uint8Array.from(piece));
    this.#kernelBytes += piece.length;
    this.#writtenBytes += piece.length;
    if (piece.length > 0) this.takenAtMs = this.#relay.time.nowMs;
    this.#isKernelFull = this.#writtenBytes < bytes.length;
    if (this.#isKernelFull) return false;
    this.#queue.written();
    this.#writing = undefined;
    this.#writtenBytes = 0;
    this.#progress.drained(this.#relay.time.nowMs);
    const below = this.#below;
    if (below !== undefined && this.bufferedBytes <= below.bytes) {
      this.#below = undefined;
      below.callback();
    }
    return true;
  }

  /** The client's part of a tick. */
  live(): void {
    if (!this.isOpen) return;
    if (!this.isSending && this.sentCount < this.options.messageCount) {
      this.sentCount += 1;
      this.#upload.push({ restBytes: this.options.messageBytes });
    }
    const isReading = this.options.kind !== "dead" && !(this.options.kind === "blocking" && this.isSending);
    this.#readBudget = isReading ? (this.options.bytesPerSecond * TICK_MS) / 1000 : 0;
    while (this.#readBudget > 0 && this.#kernelBytes > 0) this.#readPiece();
    this.flush();
  }

  /** What the relay takes of what the client has sent. */
  takeUpload(): void {
    let budget = (UPLOAD_BYTES_PER_SECOND * TICK_MS) / 1000;
    while (budget > 0 && this.isOpen && !this.#isShut) {
      const [first] = this.#upload;
      if (first === undefined) return;
      const takenBytes = Math.min(budget, first.restBytes);
      first.restBytes -= takenBytes;
      budget -= takenBytes;
      if (first.pong === undefined) this.#progress.heard(takenBytes, this.#relay.time.nowMs);
      if (first.restBytes > 0) return;
      this.#upload.shift();
      if (first.pong === undefined) this.#relay.publish(this);
      else this.#progress.ponged(first.pong, this.#relay.time.nowMs);
      this.#relay.soon(this);
    }
  }

  #readPiece(): void {
    const [first] = this.#kernel;
    if (first === undefined) return;
    const piece = first.subarray(0, Math.ceil(this.#readBudget));
    if (piece.length === first.length) this.#kernel.shift();
    else this.#kernel[0] = first.subarray(piece.length);
    this.#kernelBytes -= piece.length;
    this.#readBudget -= piece.length;
    this.#frames.push(piece);
  }

  #onMessage(start: string): void {
    const [, from, number] = /^data (\S+)\n(\d+) /.exec(start) ?? [];
    if (from === undefined) return;
    const before = this.got.get(from) ?? 0;
    if (Number(number) !== before + 1)
      throw new BrokenTimedRule("everything drains", `${number} of ${from} came after ${before}`);
    this.got.set(from, before + 1);
  }
}

/** A hub with simulated clients in one topic, in virtual time. */
export class TimedRelay {
  readonly time: TestTime = new TestTime();
  readonly #hub: Hub;
  readonly #links: TimedLink[];
  readonly #soon = new Set<TimedLink>();
  readonly #published: number[];

  constructor({ clients, kernelBytes }: Scenario, { createProgress }: TimedVariant = {}) {
    const options = hubOptions({
      outboxHighWaterBytes: HIGH_WATER_BYTES,
      maxOutboxBytes: 1_048_576,
      maxHeldBytes: 67_108_864,
    });
    this.#hub = new Hub(options, { time: this.time });
    this.#published = clients.map(() => 0);
    this.#links = clients.map((client) => {
      const progress = createProgress?.(LIMITS) ?? new ReaderProgress(LIMITS);
      return new TimedLink(this, client, kernelBytes, progress);
    });
    for (const [index, link] of this.#links.entries()) {
      link.peer = this.#hub.connect(link, { holdLimitBytes: link.options.isClassic ? 0 : HOLD_LIMIT_BYTES });
      const join = { topicName: "t", peerId: `${index}`, encoding };
      link.member = this.#hub.join(link.peer, join, () => []);
    }
  }

  /** It is to be written in this turn. */
  soon(link: TimedLink): void {
    this.#soon.add(link);
  }

  publish(link: TimedLink): void {
    const index = this.#links.indexOf(link);
    const number = (this.#published[index] ?? 0) + 1;
    this.#published[index] = number;
    const payload = Buffer.alloc(link.options.messageBytes);
    payload.write(`${number} `);
    if (link.member !== undefined && link.isOpen) this.#hub.publish(link.member, BytesPayload.fromRaw(payload));
  }

  /** Lets time pass until all is read, or until it should have been. Throws the rule that was broken. */
  run(): void {
    const untilMs = this.#neededMs();
    while (!this.#isDone() && this.time.nowMs < untilMs) this.#tick();
    for (const link of this.#links) this.#checkEnd(link);
  }

  #neededMs(): number {
    const alive = this.#links.filter(({ options }) => options.kind !== "dead");
    const sentBytes = this.#links.reduce((sum, { options }) => sum + options.messageCount * options.messageBytes, 0);
    const slowest = Math.min(...alive.map(({ options }) => options.bytesPerSecond));
    return GRACE_MS + DEAD_AFTER_MS * this.#links.length + (sentBytes / slowest) * 2000;
  }

  #tick(): void {
    this.time.nowMs += TICK_MS;
    for (const link of this.#links) link.live();
    for (const link of this.#links) link.takeUpload();
    this.#settle();
    if (this.time.nowMs % CARE_MS === 0) for (const link of this.#links) link.lookAfter();
    for (const link of this.#links) this.#checkDead(link);
    if (this.time.nowMs % CHECK_MS === 0) this.#check();
    this.#settle();
  }

  #settle(): void {
    do {
      for (const link of this.#soon) {
        this.#soon.delete(link);
        link.flush();
      }
    } while (this.time.turn() || this.#soon.size > 0);
  }

  #check(): void {
    this.#hub.endOverdueReaders();
    const ended = this.#links.filter(({ closedAtMs }) => closedAtMs === this.time.nowMs);
    for (const { options, closedWith } of ended) {
      if (options.kind === "steady" || options.kind === "mute")
        throw new BrokenTimedRule(
          "no live reader is cut",
          `${options.kind} with ${closedWith} at ${this.time.nowMs} ms`,
        );
    }
    // In a ring, the end of one may leave others that still block each other; that of the last but one frees the last.
    const isRing = this.#links.every(({ options }) => options.kind === "blocking");
    if (isRing && ended.length > 1 && !this.#links.some(({ isOpen }) => isOpen))
      throw new BrokenTimedRule("one at a time", `all ${ended.length} at ${this.time.nowMs} ms`);
  }

  #isDone(): boolean {
    return this.#links.every((link) => this.#hasAll(link));
  }

  #hasAll(link: TimedLink): boolean {
    if (!link.isOpen) return true;
    if (link.options.kind === "dead") return !link.isCongested;
    if (link.isSending || link.sentCount < link.options.messageCount) return false;
    return this.#links.every((from, index) => {
      const isOwed = from !== link && from.isOpen;
      return !isOwed || (link.got.get(`${index}`) ?? 0) === from.options.messageCount;
    });
  }

  #checkDead(link: TimedLink): void {
    if (!link.isOpen || link.options.kind !== "dead") return;
    link.congestedAtMs = link.isCongested ? Math.min(link.congestedAtMs, this.time.nowMs) : Number.POSITIVE_INFINITY;
    // Whoever was ended before may have been in its way: it began anew then.
    const endedCount = this.#links.filter(({ isOpen }) => !isOpen).length;
    const sinceMs = Math.max(link.congestedAtMs, link.takenAtMs);
    if (this.time.nowMs - sinceMs > DEAD_AFTER_MS * (endedCount + 1))
      throw new BrokenTimedRule("the dead are ended in time", `not at ${this.time.nowMs} ms`);
  }

  #checkEnd(link: TimedLink): void {
    if (!this.#hasAll(link))
      throw new BrokenTimedRule("everything drains", `a ${link.options.kind} one waits at ${this.time.nowMs} ms`);
  }
}
