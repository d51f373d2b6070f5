import type { Clock } from "../clock.ts";
import { DeliveryError, type PosternError } from "../errors.ts";
import type { WaitingOptions } from "./backlog.ts";
import { type AcknowledgementFrame, type ChunkFrame, encodeAcknowledgement, encodeChunk, type Frame } from "./frame.ts";
import { GoneLanes } from "./gone-lanes.ts";
import { DIRECT_STREAM, Lane, type LaneParts, type Position } from "./lane.ts";
import { Allowance } from "./member.ts";
import { Pending } from "./pending.ts";
import type { Carrier, DeliveryEvents, DirectLanes as DirectLanesPort, Sid } from "./ports.ts";
import { Turns } from "./turns.ts";

/** What the lanes need of others. */
export type DirectLanesParts = {
  readonly clock: Clock;
  readonly carrier: Pick<Carrier, "isWritable" | "toPeers">;
  /** The next of the count of control frames that this session has sent: the one that status and sync count by. */
  readonly nextControlSeq: () => number;
  readonly events: Pick<DeliveryEvents, "onLost" | "onFault" | "hasRoom"> & {
    /** In order, each once. The payload is the callee's. */
    readonly onDirect: (sid: Sid, payload: Uint8Array) => void;
  };
};

/** What carries the other streams than the one of messages. */
export type StreamLanes = Pick<
  DirectLanesPort,
  "received" | "peerBack" | "peerAway" | "peerGone" | "congestion" | "close"
>;

/** What carries them shares with the lanes of messages. */
export type SharedLanes = Omit<LaneParts, "onSettled"> & {
  /** The lane of messages to a peer that is here, or in its grace. */
  readonly laneOf: (sid: Sid) => Lane | undefined;
  /** Says where a stream is that is not here, as often as one peer may make this client speak. */
  readonly answer: (sid: Sid, stream: number, position: Omit<Position, "purpose">) => void;
};

type Idler = { readonly epoch: number; readonly pending: Pending };

/**
 * Messages to one peer: in order, each once, over cuts and restarts of either end. What a peer does not take waits for it
 * alone. A lane keeps at most 1 MiB and one message until they are acknowledged, and lets as much, or 1,000 messages, wait for
 * their turn. Receivers keep nothing: what the app has no room for is sent again.
 *
 * When the grace of a peer is over, what waits for it is rejected. If it comes back after all, it gets what it has not acknowledged:
 * for a minute, and up to 4 MiB for all such peers. Of what was given up it is told how much it has missed; exactly, unless more than
 * 1,024 others with messages have gone in between.
 */
export class DirectLanes implements DirectLanesPort {
  readonly #parts: DirectLanesParts;
  readonly #laneParts: LaneParts;
  readonly #lanes = new Map<Sid, Lane>();
  readonly #gone: GoneLanes;
  readonly #turns: Turns;
  readonly #idlers = new Set<Idler>();
  /** How often each peer may make this client speak. */
  readonly #answers = new Map<Sid, Allowance>();
  #streams: StreamLanes | undefined;
  #epoch = 0;
  #closed: PosternError | undefined;

  constructor(parts: DirectLanesParts) {
    const { clock, carrier, nextControlSeq, events } = parts;
    this.#parts = parts;
    this.#turns = new Turns(clock, carrier);
    this.#gone = new GoneLanes(clock);
    this.#laneParts = {
      clock,
      turns: this.#turns,
      say: (sid, stream, position) =>
        carrier.toPeers([sid], encodeAcknowledgement({ seq: nextControlSeq(), stream, ...position })),
      onFault: events.onFault,
      onSettled: () => this.#settleIdlers(),
    };
  }

  /**
   * Sends to a peer who is here, or in its grace. Resolves when there is room for more to it.
   * @param payload at least one byte; copied at once.
   * @throws DeliveryError `backlog-full`, `would-wait`, `aborted`, `peer-gone`; what `close` was given
   */
  async send(sid: Sid, payload: Uint8Array, options: WaitingOptions = {}): Promise<void> {
    this.#checkOpen(options.signal);
    return this.#lane(sid).send({ frame: encodeChunk(DIRECT_STREAM, payload), epoch: this.#epoch }, options);
  }

  /** Hands the streams beside the messages to what this makes: once, and until then they are refused. @returns what was made. */
  extend(make: (shared: SharedLanes) => StreamLanes): StreamLanes {
    this.#streams ??= make({
      ...this.#laneParts,
      laneOf: (sid) => this.#lanes.get(sid),
      answer: this.#answer.bind(this),
    });
    return this.#streams;
  }

  received(sid: Sid, frame: Extract<Frame, { readonly type: "chunk" | "acknowledgement" }>): void {
    if (this.#closed !== undefined) return;
    if (frame.stream !== DIRECT_STREAM) {
      if (this.#streams !== undefined) this.#streams.received(sid, frame);
      else if (frame.type === "chunk" || frame.purpose === "ask")
        this.#answer(sid, frame.stream, { next: 0, byteLimit: 1 });
    } else if (frame.type === "chunk") this.#onChunk(sid, frame);
    else if (frame.purpose === "ask") this.#onAsk(sid, frame);
    else {
      this.#lane(sid).acknowledged(frame);
      this.#settleIdlers();
    }
  }

  peerBack(sid: Sid): void {
    if (this.#closed !== undefined) return;
    this.#lane(sid).back();
    this.#streams?.peerBack(sid);
  }

  peerAway(sid: Sid): void {
    this.#lanes.get(sid)?.away();
    this.#streams?.peerAway(sid);
  }

  peerGone(sid: Sid, { mayReturn = true }: { readonly mayReturn?: boolean } = {}): void {
    const lane = this.#lanes.get(sid);
    if (lane === undefined) return;
    this.#lanes.delete(sid);
    this.#answers.delete(sid);
    this.#gone.add(sid, lane.end(new DeliveryError("peer-gone")), { mayReturn });
    this.#settleIdlers();
    this.#streams?.peerGone(sid);
  }

  writable(maxBytes?: number): boolean {
    return this.#turns.send(maxBytes);
  }

  congestion(sid: Sid, isCongested: boolean): void {
    this.#lanes.get(sid)?.congestion(isCongested);
    this.#streams?.congestion(sid, isCongested);
  }

  roomAgain(): void {
    for (const lane of this.#lanes.values()) if (lane.receiver.open()) this.#turns.owe(lane);
  }

  /**
   * Resolves when all that was sent before is acknowledged, or its peer gone. Says what this end has to acknowledge.
   * @throws what `close` was given; DeliveryError `aborted`
   */
  async idle(signal?: AbortSignal): Promise<void> {
    this.#turns.acknowledge();
    this.#checkOpen(signal);
    const pending = new Pending(signal, () => this.#idlers.delete(idler));
    const idler = { epoch: this.#epoch, pending };
    this.#epoch += 1;
    this.#idlers.add(idler);
    this.#settleIdlers();
    return pending.promise;
  }

  /** Says what there is to acknowledge, and rejects all that waits. */
  close(error: PosternError): void {
    if (this.#closed !== undefined) return;
    this.#turns.acknowledge();
    this.#closed = error;
    this.#streams?.close(error);
    // These first: they wait for what is given up then.
    for (const { pending } of this.#idlers) pending.reject(error);
    for (const lane of this.#lanes.values()) lane.end(error);
    this.#lanes.clear();
    this.#gone.close();
  }

  #checkOpen(signal: AbortSignal | undefined): void {
    if (this.#closed !== undefined) throw this.#closed;
    if (signal?.aborted === true) throw new DeliveryError("aborted");
  }

  #onChunk(sid: Sid, { seq, chunk }: ChunkFrame): void {
    if (seq === 0 || chunk.byteLength === 0) return this.#parts.events.onFault(sid, "unreadable");
    const lane = this.#lane(sid);
    const isNext = lane.receiver.accept(seq, chunk.byteLength, this.#parts.events.hasRoom);
    this.#turns.owe(lane);
    if (isNext) this.#parts.events.onDirect(sid, chunk);
  }

  #onAsk(sid: Sid, { next: first, byteLimit: confirmed }: AcknowledgementFrame): void {
    if (first === 0 || confirmed > first) return this.#parts.events.onFault(sid, "unreadable");
    const lane = this.#lane(sid);
    const lostCount = lane.receiver.asked({ first, confirmed });
    if (this.#parts.events.hasRoom()) lane.receiver.open();
    this.#turns.owe(lane);
    if (lostCount > 0) this.#parts.events.onLost(sid, lostCount);
  }

  #lane(sid: Sid): Lane {
    const known = this.#lanes.get(sid);
    if (known !== undefined) return known;
    const lane = new Lane(sid, this.#laneParts, this.#gone.take(sid));
    this.#lanes.set(sid, lane);
    return lane;
  }

  #answer(sid: Sid, stream: number, position: Omit<Position, "purpose">): void {
    const allowance = this.#answers.get(sid) ?? new Allowance(this.#parts.clock, 100, 50);
    this.#answers.set(sid, allowance);
    if (!allowance.take(1)) return this.#parts.events.onFault(sid, "flood");
    this.#laneParts.say(sid, stream, { ...position, purpose: "resume" });
  }

  #settleIdlers(): void {
    if (this.#idlers.size === 0) return;
    let oldest = Number.POSITIVE_INFINITY;
    for (const lane of this.#lanes.values()) oldest = Math.min(oldest, lane.oldestEpoch ?? oldest);
    for (const { epoch, pending } of this.#idlers) if (epoch < oldest) pending.resolve();
  }
}
