import type { Clock, Timer } from "../clock.ts";
import { DeliveryError } from "../errors.ts";
import type { AcknowledgementFrame, ChunkFrame, Frame } from "./frame.ts";
import { type DirectOptions, encodePosition, Lane, type LaneNumbers } from "./lane.ts";
import { DIRECT_STREAM } from "./lane-sender.ts";
import type { Carrier, DeliveryEvents, DirectLanes as DirectLanesPort, Sid } from "./ports.ts";

/** So long acknowledgements wait for more to acknowledge. */
const ACKNOWLEDGE_AFTER_MS = 20;

/** So many peers that have gone are remembered, by their numbers alone. */
const MAX_GONE = 1024;

/** What the lanes need of others. */
export type DirectLanesParts = {
  readonly clock: Clock;
  readonly carrier: Pick<Carrier, "isWritable" | "toPeers">;
  /** The next of the count of control frames that this session has sent. */
  readonly nextControlSeq: () => number;
  readonly events: Pick<DeliveryEvents, "onLost" | "onFault" | "hasRoom"> & {
    /** In order, each once. The payload is the callee's. */
    readonly onDirect: (sid: Sid, payload: Uint8Array) => void;
  };
};

type Idler = { readonly epoch: number; readonly resolve: () => void; readonly reject: (error: Error) => void };

/**
 * Messages to one peer: in order, each once, over cuts and restarts of either end. What a peer does not take waits for it
 * alone. A lane keeps at most 1 MiB and one message until they are acknowledged, and lets as much, or 1,000 messages, wait for
 * their turn. Receivers keep nothing: what the app has no room for is sent again.
 *
 * When a peer has gone for good, what it has not acknowledged is given up. If it comes back after all, it is told how much it
 * has missed; exactly, unless more than 1,024 others with messages have gone in between.
 */
export class DirectLanes implements DirectLanesPort {
  readonly #parts: DirectLanesParts;
  readonly #lanes = new Map<Sid, Lane>();
  readonly #gone = new Map<Sid, LaneNumbers>();
  /** Lanes that may have something to send, in turns of one frame each. */
  readonly #ready = new Map<Lane, Sid>();
  /** Lanes that have something to acknowledge. */
  readonly #owing = new Map<Lane, Sid>();
  #idlers: Idler[] = [];
  #acknowledging: Timer | undefined;
  #epoch = 0;
  /** Above all numbers that were forgotten: none is given twice to one peer, even where nothing is known of it any more. */
  #firstSeq = 1;
  #closed: Error | undefined;

  constructor(parts: DirectLanesParts) {
    this.#parts = parts;
  }

  /**
   * Sends to a peer who is here, or in its grace. Resolves when there is room for more to it.
   * @param payload at least one byte; not written to until it has resolved.
   * @throws DeliveryError `backlog-full`, `would-wait`, `aborted`, `peer-gone`; what `close` was given
   */
  async send(sid: Sid, payload: Uint8Array, options: DirectOptions = {}): Promise<void> {
    if (this.#closed !== undefined) throw this.#closed;
    if (options.signal?.aborted === true) throw new DeliveryError("aborted");
    return this.#lane(sid).send({ payload, epoch: this.#epoch }, options);
  }

  received(sid: Sid, frame: Extract<Frame, { readonly type: "chunk" | "acknowledgement" }>): void {
    if (this.#closed !== undefined) return;
    if (frame.stream !== DIRECT_STREAM || (frame.type === "chunk" && frame.isFinal))
      this.#parts.events.onFault(sid, "unknown-kind");
    else if (frame.type === "chunk") this.#onChunk(sid, frame);
    else if (frame.purpose === "ask") this.#onAsk(sid, frame);
    else {
      this.#lane(sid).acknowledged(frame);
      this.#settleIdlers();
    }
  }

  peerBack(sid: Sid): void {
    if (this.#closed === undefined) this.#lane(sid).back();
  }

  peerAway(sid: Sid): void {
    this.#lanes.get(sid)?.away();
  }

  peerGone(sid: Sid): void {
    const lane = this.#lanes.get(sid);
    if (lane === undefined) return;
    this.#lanes.delete(sid);
    this.#ready.delete(lane);
    this.#owing.delete(lane);
    this.#remember(sid, lane.end(new DeliveryError("peer-gone")));
    this.#settleIdlers();
  }

  writable(): void {
    this.#pump();
  }

  congestion(sid: Sid, isCongested: boolean): void {
    const lane = this.#lanes.get(sid);
    if (lane === undefined) return;
    lane.isCongested = isCongested;
    this.#onReady(sid, lane);
  }

  roomAgain(): void {
    for (const [sid, lane] of this.#lanes) if (lane.receiver.open()) this.#owe(sid, lane);
  }

  /**
   * Resolves when all that was sent before is acknowledged, or its peer gone. Says what this end has to acknowledge.
   * @throws what `close` was given; DeliveryError `aborted`
   */
  idle(signal?: AbortSignal): Promise<void> {
    this.#acknowledge();
    return new Promise((resolve, reject) => {
      if (this.#closed !== undefined) return reject(this.#closed);
      if (signal?.aborted === true) return reject(new DeliveryError("aborted"));
      const abort = () => {
        this.#idlers = this.#idlers.filter((other) => other !== idler);
        idler.reject(new DeliveryError("aborted"));
      };
      const settle =
        <Value>(then: (value: Value) => void) =>
        (value: Value): void => {
          signal?.removeEventListener("abort", abort);
          then(value);
        };
      const idler: Idler = { epoch: this.#epoch, resolve: settle(resolve), reject: settle(reject) };
      signal?.addEventListener("abort", abort);
      this.#epoch += 1;
      this.#idlers.push(idler);
      this.#settleIdlers();
    });
  }

  /** Says what there is to acknowledge, and rejects all that waits. */
  close(error: Error): void {
    if (this.#closed !== undefined) return;
    this.#acknowledge();
    this.#closed = error;
    for (const lane of this.#lanes.values()) lane.end(error);
    this.#lanes.clear();
    this.#ready.clear();
    for (const { reject } of this.#idlers.splice(0)) reject(error);
  }

  #onChunk(sid: Sid, { seq, chunk }: ChunkFrame): void {
    if (seq === 0 || chunk.byteLength === 0) return this.#parts.events.onFault(sid, "unreadable");
    const lane = this.#lane(sid);
    const isNext = lane.receiver.accept(seq, chunk.byteLength, this.#parts.events.hasRoom);
    this.#owe(sid, lane);
    if (isNext) this.#parts.events.onDirect(sid, chunk);
  }

  #onAsk(sid: Sid, { next: first, byteLimit: confirmed }: AcknowledgementFrame): void {
    if (first === 0 || confirmed > first) return this.#parts.events.onFault(sid, "unreadable");
    const lane = this.#lane(sid);
    const lostCount = lane.receiver.asked({ first, confirmed });
    if (this.#parts.events.hasRoom()) lane.receiver.open();
    this.#owe(sid, lane);
    if (lostCount > 0) this.#parts.events.onLost(sid, lostCount);
  }

  #lane(sid: Sid): Lane {
    const known = this.#lanes.get(sid);
    if (known !== undefined) return known;
    const { carrier, clock, events, nextControlSeq } = this.#parts;
    const numbers = this.#gone.get(sid) ?? { first: this.#firstSeq, confirmed: this.#firstSeq, next: 1 };
    const lane: Lane = new Lane(
      {
        clock,
        say: (position) => carrier.toPeers([sid], encodePosition(nextControlSeq(), position)),
        onReady: () => this.#onReady(sid, lane),
        onFault: (kind) => events.onFault(sid, kind),
        onSettled: () => this.#settleIdlers(),
      },
      numbers,
    );
    this.#gone.delete(sid);
    this.#lanes.set(sid, lane);
    return lane;
  }

  #remember(sid: Sid, numbers: LaneNumbers): void {
    if (numbers.first === this.#firstSeq && numbers.next === 1) return;
    this.#gone.set(sid, numbers);
    for (const [oldest, { first }] of this.#gone) {
      if (this.#gone.size <= MAX_GONE) break;
      this.#gone.delete(oldest);
      this.#firstSeq = Math.max(this.#firstSeq, first);
    }
  }

  #onReady(sid: Sid, lane: Lane): void {
    this.#ready.set(lane, sid);
    this.#pump();
  }

  #pump(): void {
    const { carrier } = this.#parts;
    for (const [lane, sid] of this.#ready) {
      if (!carrier.isWritable) return;
      this.#ready.delete(lane);
      const frame = lane.take();
      if (frame === undefined) continue;
      carrier.toPeers([sid], frame);
      // Its next turn is behind the others.
      this.#ready.set(lane, sid);
    }
  }

  #owe(sid: Sid, lane: Lane): void {
    if (lane.receiver.owes === undefined) return;
    this.#owing.set(lane, sid);
    if (lane.receiver.isUrgent) this.#say(lane);
    else this.#acknowledging ??= this.#parts.clock.after(ACKNOWLEDGE_AFTER_MS, () => this.#acknowledge());
  }

  #acknowledge(): void {
    this.#acknowledging?.cancel();
    this.#acknowledging = undefined;
    for (const lane of this.#owing.keys()) this.#say(lane);
  }

  #say(lane: Lane): void {
    lane.acknowledge();
    this.#owing.delete(lane);
  }

  #settleIdlers(): void {
    if (this.#idlers.length === 0) return;
    let oldest = Number.POSITIVE_INFINITY;
    for (const lane of this.#lanes.values()) oldest = Math.min(oldest, lane.oldestEpoch ?? oldest);
    const done = this.#idlers.filter(({ epoch }) => epoch < oldest);
    this.#idlers = this.#idlers.filter(({ epoch }) => epoch >= oldest);
    for (const { resolve } of done) resolve();
  }
}
