import type { Clock } from "../clock.ts";
import { type AcknowledgementFrame, type ChunkFrame, chunkCost } from "../delivery/frame.ts";
import type { Lane } from "../delivery/lane.ts";
import type { Turns } from "../delivery/turns.ts";
import type { PosternError } from "../errors.ts";
import type { StreamHalf } from "../stream-host.ts";
import type { Peer } from "../topic.ts";
import type { KeptBudget } from "./kept-budget.ts";
import type { AbortReason, PeerStream } from "./peer-stream.ts";
import { ReadSide } from "./read-side.ts";
import { ReadWindow, type WindowPool } from "./read-window.ts";
import {
  acceptChunk,
  decodeStreamChunk,
  reasonChunk,
  reasonOf,
  type StreamChunk,
  selfSealedChunk,
  wellFormed,
} from "./stream-chunk.ts";
import { StreamError } from "./stream-error.ts";
import { WriteSide } from "./write-side.ts";

/** What a stream needs of others. */
export type OpenStreamParts = {
  readonly clock: Clock;
  readonly turns: Turns;
  readonly lane: Lane;
  readonly pool: WindowPool;
  readonly budget: KeptBudget;
  readonly pieceBytes: () => number;
  readonly onFault: (kind: "unreadable" | "unknown-kind") => void;
  /** Both ends have said and heard everything, or the peer has gone: nothing more of it is expected. */
  readonly onOver: (stream: OpenStream) => void;
  /** And the app has read everything. */
  readonly onSettled: (stream: OpenStream) => void;
  /** The peer has given it up before an app has taken it. */
  readonly onWithdrawn: (stream: OpenStream, error: PosternError) => void;
};

/** What it is, as the app sees it. */
export type StreamIdentity = Pick<PeerStream, "peer" | "label" | "isIncoming" | "forwardSecret">;

/** One stream, from its first chunk until both directions have ended. */
export class OpenStream implements PeerStream {
  readonly peer: Peer;
  readonly label: string;
  readonly isIncoming: boolean;
  readonly forwardSecret: boolean;
  readonly lane: Lane;
  readonly #parts: OpenStreamParts;
  readonly #read: ReadSide;
  readonly #write: WriteSide;
  readonly #window: ReadWindow;
  readonly #opening = Promise.withResolvers<void>();
  readonly #closing = Promise.withResolvers<void>();
  readonly #beganAtMs: number;
  #isOpen = false;
  #isMeasured = false;
  #isOver = false;
  #error: PosternError | undefined;
  /** The app of this end, and that of the peer, have said that they seal their bytes themselves. */
  readonly #selfSealed = { own: false, peers: false };
  #half: StreamHalf | undefined;
  #agreed: Promise<boolean> | undefined;

  constructor(parts: OpenStreamParts, { peer, label, isIncoming, forwardSecret }: StreamIdentity) {
    const { clock, pool, lane, budget, pieceBytes } = parts;
    this.peer = peer;
    this.label = label;
    this.isIncoming = isIncoming;
    this.forwardSecret = forwardSecret;
    this.lane = lane;
    this.#parts = parts;
    this.#window = new ReadWindow(clock, pool, lane.receiver);
    this.#read = new ReadSide({
      onRead: (cost) => this.#onRead(cost),
      onCancel: (reason) => this.#stop(reasonOf(reason)),
      onDone: () => this.#settle(),
    });
    this.#write = new WriteSide({
      lane,
      budget,
      pieceBytes,
      isBound: () => this.#selfSealed.own && this.#selfSealed.peers,
      onAborted: (error) => this.#note(error),
      onDone: () => this.#settle(),
    });
    this.#beganAtMs = clock.monotonicMs();
    for (const { promise } of [this.#opening, this.#closing]) promise.catch(() => undefined);
  }

  get readable(): ReadableStream<Uint8Array> {
    return this.#read.readable;
  }

  get writable(): WritableStream<Uint8Array> {
    return this.#write.writable;
  }

  get closed(): Promise<void> {
    return this.#closing.promise;
  }

  get isPeerAway(): boolean {
    const hasEnded = this.#read.isOver && this.#write.isDone;
    return !hasEnded && !this.lane.isHere;
  }

  /** Resolves when the app of the peer has taken it. Rejects when it never will. */
  get opened(): Promise<void> {
    return this.#opening.promise;
  }

  /** An app has it, here or there. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** What this end gives to the key of the stream, where it has one of its own. */
  get half(): StreamHalf | undefined {
    return this.#half;
  }

  /** Whether the two halves have given a key; undefined: it has none, or the other half is not here yet. */
  get agreed(): Promise<boolean> | undefined {
    return this.#agreed;
  }

  /** It gets a key of its own. @param agreed whether it does, once the half of the peer is here. */
  keyed(half: StreamHalf, agreed?: Promise<boolean>): void {
    this.#half = half;
    this.#agreed = agreed;
  }

  abort(reason: AbortReason = {}): void {
    const error = new StreamError(wellFormed(reasonOf(reason)));
    this.#note(error);
    this.#write.abort(error);
    if (!this.#read.isOver) this.#stop(error);
    this.#read.discard(error);
  }

  selfSealed(): void {
    if (this.#selfSealed.own || this.#isOver) return;
    this.#selfSealed.own = true;
    this.lane.add({ frame: selfSealedChunk(this.lane.stream), isControl: true });
  }

  /** The app has taken what the peer has opened. */
  accept(): void {
    const { lane } = this.#parts;
    lane.add({ frame: acceptChunk(lane.stream, lane.peerStream ?? 0, this.#half?.publicKey), isControl: true });
    this.#begin();
  }

  /** A chunk of the peer. */
  received(frame: ChunkFrame): void {
    const { receiver } = this.lane;
    // Whoever sends it, this end has not agreed to it: it is as if it had not come.
    if (frame.isBound && !this.#selfSealed.own) return this.#parts.onFault("unreadable");
    const read = decodeStreamChunk(frame);
    const isNext = receiver.accept(frame.seq, 0, () => read.kind !== "data" || receiver.byteLimit > 0);
    if (isNext) this.#take(read);
    // Nothing else may come for a while that it could be said with.
    if (isNext && read.kind !== "data") this.lane.acknowledge();
    else this.#parts.turns.owe(this.lane);
  }

  /** The peer asks where this end is. */
  asked({ next: first, byteLimit: confirmed }: AcknowledgementFrame): void {
    // A stream gives nothing up that it has sent.
    if (first === 0 || confirmed > first || first > this.lane.receiver.next) return this.#parts.onFault("unreadable");
    this.lane.receiver.asked({ first, confirmed });
    this.#parts.turns.owe(this.lane);
  }

  /** The peer says where it is. */
  acknowledged(frame: AcknowledgementFrame): void {
    this.lane.acknowledged(frame);
    if (!this.#isMeasured && this.lane.sender.numbers.first > 1) {
      this.#isMeasured = true;
      this.#window.measured(this.#parts.clock.monotonicMs() - this.#beganAtMs);
    }
    this.#write.acknowledged();
  }

  /** It has ended with its peer, or with the topic. What the peer had ended before can still be read. */
  fail(error: PosternError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#note(error);
    this.lane.end(error);
    this.#write.fail(error);
    if (!this.#read.isOver) this.#read.fail(error);
    this.#parts.onOver(this);
    this.#settle();
  }

  #begin(): void {
    this.#isOpen = true;
    this.#window.open();
    this.lane.acknowledge();
    this.#opening.resolve();
  }

  #take(chunk: StreamChunk): void {
    if (chunk.kind === "stop") return this.#write.abort(chunk);
    if (chunk.kind === "accept" && !this.#isOpen && !this.isIncoming) return this.#begin();
    if (chunk.kind === "unreadable" || chunk.kind === "unknown-kind") return this.#parts.onFault(chunk.kind);
    if (chunk.kind === "open" && !this.#isOpen) return;
    if (chunk.kind === "self-sealed") {
      this.#selfSealed.peers = true;
      return;
    }
    if (chunk.kind === "open" || chunk.kind === "accept" || this.#read.isOver) return this.#parts.onFault("unreadable");
    if (chunk.kind === "data") {
      this.#window.hold(chunkCost(1 + chunk.bytes.byteLength));
      this.#read.push(chunk.bytes);
    } else if (chunk.kind === "end") this.#read.end();
    else if (chunk.kind === "abort") {
      const error = new StreamError(chunk);
      if (!this.#isOpen) return this.#parts.onWithdrawn(this, error);
      this.#note(error);
      this.#read.fail(error);
    }
  }

  #onRead(cost: number): void {
    this.#window.read(cost);
    if (!this.#isOver) this.#parts.turns.owe(this.lane);
  }

  #stop(reason: AbortReason): void {
    this.#note(new StreamError(wellFormed(reason)));
    this.lane.add({ frame: reasonChunk(this.lane.stream, "stop", reason), isControl: true });
  }

  /** The first error is the one of the stream. */
  #note(error: PosternError): void {
    this.#error ??= error;
    this.#opening.reject(error);
  }

  #settle(): void {
    if (!this.#read.isDone || !this.#write.isDone) return;
    if (!this.#isOver) {
      this.#isOver = true;
      this.lane.acknowledge();
      this.lane.end(this.#error ?? new StreamError({}));
      this.#parts.onOver(this);
    }
    this.#window.close();
    this.#parts.onSettled(this);
    if (this.#error === undefined) this.#closing.resolve();
    else this.#closing.reject(this.#error);
  }
}
