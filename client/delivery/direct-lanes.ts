import type { Clock } from "../clock.ts";
import { DeliveryError, type PosternError } from "../errors.ts";
import { Alarm } from "./alarm.ts";
import type { WaitingOptions } from "./backlog.ts";
import type { AcknowledgementFrame, ChunkFrame, Frame } from "./frame.ts";
import { encodePosition, Lane, type LaneNumbers, type LaneParts } from "./lane.ts";
import { DIRECT_STREAM } from "./lane-sender.ts";
import { Pending } from "./pending.ts";
import type { Carrier, DeliveryEvents, DirectLanes as DirectLanesPort, Sid } from "./ports.ts";

/** So long acknowledgements wait for more to acknowledge. */
const ACKNOWLEDGE_AFTER_MS = 20;

/** So many peers that have gone are remembered, by their numbers alone. */
const MAX_GONE = 1024;

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

type Idler = { readonly epoch: number; readonly pending: Pending };

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
  readonly #laneParts: LaneParts;
  readonly #lanes = new Map<Sid, Lane>();
  readonly #gone = new Map<Sid, LaneNumbers>();
  /** Lanes that may have something to send, in turns of one frame each. */
  readonly #ready = new Set<Lane>();
  /** Lanes that have something to acknowledge. */
  readonly #owing = new Set<Lane>();
  readonly #idlers = new Set<Idler>();
  readonly #acknowledging: Alarm;
  #epoch = 0;
  /** Above all numbers that were forgotten: none is given twice to one peer, even where nothing is known of it any more. */
  #firstSeq = 1;
  #closed: PosternError | undefined;

  constructor(parts: DirectLanesParts) {
    const { clock, carrier, nextControlSeq, events } = parts;
    this.#parts = parts;
    this.#acknowledging = new Alarm(clock, () => this.#acknowledge());
    this.#laneParts = {
      clock,
      say: (sid, position) => carrier.toPeers([sid], encodePosition(nextControlSeq(), position)),
      onReady: (lane) => {
        this.#ready.add(lane);
        this.writable();
      },
      onFault: events.onFault,
      onSettled: () => this.#settleIdlers(),
    };
  }

  /**
   * Sends to a peer who is here, or in its grace. Resolves when there is room for more to it.
   * @param payload at least one byte; not written to until it has resolved.
   * @throws DeliveryError `backlog-full`, `would-wait`, `aborted`, `peer-gone`; what `close` was given
   */
  async send(sid: Sid, payload: Uint8Array, options: WaitingOptions = {}): Promise<void> {
    this.#checkOpen(options.signal);
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
    const { carrier } = this.#parts;
    for (const lane of this.#ready) {
      if (!carrier.isWritable) return;
      this.#ready.delete(lane);
      const frame = lane.take();
      if (frame === undefined) continue;
      carrier.toPeers([lane.sid], frame);
      // Its next turn is behind the others.
      this.#ready.add(lane);
    }
  }

  congestion(sid: Sid, isCongested: boolean): void {
    this.#lanes.get(sid)?.congestion(isCongested);
  }

  roomAgain(): void {
    for (const lane of this.#lanes.values()) if (lane.receiver.open()) this.#owe(lane);
  }

  /**
   * Resolves when all that was sent before is acknowledged, or its peer gone. Says what this end has to acknowledge.
   * @throws what `close` was given; DeliveryError `aborted`
   */
  async idle(signal?: AbortSignal): Promise<void> {
    this.#acknowledge();
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
    this.#acknowledge();
    this.#closed = error;
    // These first: they wait for what is given up then.
    for (const { pending } of this.#idlers) pending.reject(error);
    for (const lane of this.#lanes.values()) lane.end(error);
    this.#lanes.clear();
    this.#ready.clear();
  }

  #checkOpen(signal: AbortSignal | undefined): void {
    if (this.#closed !== undefined) throw this.#closed;
    if (signal?.aborted === true) throw new DeliveryError("aborted");
  }

  #onChunk(sid: Sid, { seq, chunk }: ChunkFrame): void {
    if (seq === 0 || chunk.byteLength === 0) return this.#parts.events.onFault(sid, "unreadable");
    const lane = this.#lane(sid);
    const isNext = lane.receiver.accept(seq, chunk.byteLength, this.#parts.events.hasRoom);
    this.#owe(lane);
    if (isNext) this.#parts.events.onDirect(sid, chunk);
  }

  #onAsk(sid: Sid, { next: first, byteLimit: confirmed }: AcknowledgementFrame): void {
    if (first === 0 || confirmed > first) return this.#parts.events.onFault(sid, "unreadable");
    const lane = this.#lane(sid);
    const lostCount = lane.receiver.asked({ first, confirmed });
    if (this.#parts.events.hasRoom()) lane.receiver.open();
    this.#owe(lane);
    if (lostCount > 0) this.#parts.events.onLost(sid, lostCount);
  }

  #lane(sid: Sid): Lane {
    const known = this.#lanes.get(sid);
    if (known !== undefined) return known;
    const numbers = this.#gone.get(sid) ?? { first: this.#firstSeq, confirmed: this.#firstSeq, next: 1 };
    const lane = new Lane(sid, this.#laneParts, numbers);
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

  #owe(lane: Lane): void {
    if (lane.receiver.owes === undefined) return;
    this.#owing.add(lane);
    if (lane.receiver.isUrgent) this.#say(lane);
    else this.#acknowledging.within(ACKNOWLEDGE_AFTER_MS);
  }

  #acknowledge(): void {
    this.#acknowledging.cancel();
    for (const lane of this.#owing) this.#say(lane);
  }

  #say(lane: Lane): void {
    lane.acknowledge();
    this.#owing.delete(lane);
  }

  #settleIdlers(): void {
    if (this.#idlers.size === 0) return;
    let oldest = Number.POSITIVE_INFINITY;
    for (const lane of this.#lanes.values()) oldest = Math.min(oldest, lane.oldestEpoch ?? oldest);
    for (const { epoch, pending } of this.#idlers) if (epoch < oldest) pending.resolve();
  }
}
