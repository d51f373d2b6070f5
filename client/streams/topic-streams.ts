import type { SharedLanes, StreamLanes } from "../delivery/direct-lanes.ts";
import type { AcknowledgementFrame, ChunkFrame, Frame } from "../delivery/frame.ts";
import { Lane } from "../delivery/lane.ts";
import type { Sid } from "../delivery/ports.ts";
import { DeliveryError, type PosternError, type PosternErrorCode } from "../errors.ts";
import type { StreamHost } from "../stream-host.ts";
import { withTimeLimit } from "../time-limit.ts";
import type { Peer, WaitOptions } from "../topic.ts";
import { KeptBudget } from "./kept-budget.ts";
import { IncomingStreams, type Listener, Listeners } from "./listeners.ts";
import { OpenStream, type StreamIdentity } from "./open-stream.ts";
import type { LabelOptions, PeerStream, StreamHandler, Streams } from "./peer-stream.ts";
import { MAX_WINDOW_BYTES, MIN_WINDOW_BYTES, WindowPool } from "./read-window.ts";
import { decodeStreamChunk, openChunk, reasonOf } from "./stream-chunk.ts";

const OPEN_TIMEOUT_MS = 30_000;

const MAX_OF_PEER = 64;
const MAX_IN_ALL = 1024;
const MAX_WAITING_OF_PEER = 16;
const MAX_WAITING_IN_ALL = 256;

/** What all streams may have unread, and may keep until it is acknowledged, beyond the smallest window of each. */
const SHARED_BYTES = 64 * 1024 * 1024;

/** The largest piece of a stream in one chunk, with its kind; and what the chunk has around it at most. */
const MAX_CHUNK_BYTES = 32 * 1024;

/** So many streams that have ended are remembered, by one number each: their senders may not have heard it. */
const MAX_ENDED = 1024;

const MAX_STREAM = 2 ** 32 - 1;

/** Why there is no stream, by the number on the wire. */
const refusals: readonly PosternErrorCode[] = ["peer-gone", "no-listener", "too-many-streams"];
const GONE = 0;
const NO_LISTENER = 1;
const TOO_MANY = 2;

/** The streams with one peer: under which number this end sends on each, and under which the peer does, where that is known. */
type WithPeer = { readonly byOwn: Map<number, OpenStream>; readonly byPeers: Map<number, OpenStream> };

/** The streams of one topic: finds whose a frame is, opens, takes what others open, and bounds it all. */
export class TopicStreams implements Streams, StreamLanes {
  readonly #host: StreamHost;
  readonly #shared: SharedLanes;
  readonly #pool = new WindowPool(SHARED_BYTES);
  readonly #budget = new KeptBudget(SHARED_BYTES);
  readonly #listeners = new Listeners();
  readonly #peers = new Map<Sid, WithPeer>();
  /** Those whose app has not read everything, also of peers that have gone. */
  readonly #unsettled = new Set<OpenStream>();
  /** Where those have stopped that have ended, by peer and the number under which it sent. */
  readonly #ended = new Map<string, number>();
  #lastStream = 0;

  constructor(host: StreamHost, shared: SharedLanes) {
    this.#host = host;
    this.#shared = shared;
  }

  async open(peer: Peer | string, label: string, options: WaitOptions = {}): Promise<PeerStream> {
    const { timeoutMs = OPEN_TIMEOUT_MS, signal } = options;
    this.#host.checkOpen(signal);
    const sid = this.#host.sidOf(peer);
    const chunk = openChunk(this.#lastStream + 1, label);
    if (chunk === undefined) throw new DeliveryError("option-invalid", { cause: "a label is 1 to 256 bytes of UTF-8" });
    if (this.#isFull(sid)) throw new DeliveryError("too-many-streams");
    const stream = this.#add(sid, { peer: this.#host.peerOf(sid), label, isIncoming: false });
    stream.lane.add({ frame: chunk, isControl: true });
    try {
      await withTimeLimit(this.#host.clock, { timeoutMs, signal }, () => stream.opened);
      return stream;
    } catch (error) {
      stream.abort(reasonOf(error));
      throw error;
    }
  }

  onStream(handler: StreamHandler, { label }: LabelOptions = {}): () => void {
    return this.#listeners.set(label, {
      offer: (stream) => {
        stream.accept();
        void handle(stream, handler);
        return "taken";
      },
      withdraw: () => undefined,
      end: () => undefined,
    });
  }

  incoming({
    label,
    signal,
  }: LabelOptions & { readonly signal?: AbortSignal | undefined } = {}): AsyncIterableIterator<PeerStream> {
    const incoming: IncomingStreams = new IncomingStreams({
      mayWait: (stream) => this.#mayWait(stream),
      accept: (stream) => stream.accept(),
      refuse: (stream) => this.#refuse(stream, NO_LISTENER, new DeliveryError("no-listener")),
      onEnd: () => stop(),
    });
    const stop = this.#listeners.set(label, incoming);
    signal?.addEventListener("abort", stop, { once: true });
    if (signal?.aborted === true || this.#hasEnded) stop();
    return incoming;
  }

  received(sid: Sid, frame: Extract<Frame, { readonly type: "chunk" | "acknowledgement" }>): void {
    if (frame.type === "chunk") this.#onChunk(sid, frame);
    else if (frame.purpose === "ask") this.#onAsk(sid, frame);
    else {
      const stream = this.#peers.get(sid)?.byOwn.get(frame.stream);
      if (frame.next > 0) stream?.acknowledged(frame);
      else stream?.fail(new DeliveryError(refusals[frame.byteLimit] ?? "peer-gone"));
    }
  }

  peerBack(sid: Sid): void {
    this.#forEach(sid, ({ lane }) => lane.back());
  }

  peerAway(sid: Sid): void {
    this.#forEach(sid, ({ lane }) => lane.away());
  }

  peerGone(sid: Sid): void {
    this.#forEach(sid, (stream) => this.#drop(stream, new DeliveryError("peer-gone")));
  }

  congestion(sid: Sid, isCongested: boolean): void {
    this.#forEach(sid, ({ lane }) => lane.congestion(isCongested));
  }

  close(error: PosternError): void {
    for (const sid of [...this.#peers.keys()]) this.#forEach(sid, (stream) => this.#drop(stream, error));
    this.#listeners.end();
  }

  get #hasEnded(): boolean {
    try {
      this.#host.checkOpen(undefined);
      return false;
    } catch {
      return true;
    }
  }

  #onChunk(sid: Sid, frame: ChunkFrame): void {
    const known = this.#peers.get(sid)?.byPeers.get(frame.stream);
    if (known !== undefined) return known.received(frame);
    // What comes late of a stream that has ended here is nothing new, and neither is its first chunk.
    if (frame.seq !== 1 || this.#ended.has(endedKey(sid, frame.stream))) return;
    const chunk = decodeStreamChunk(frame.chunk);
    if (chunk.kind === "open") this.#onOpen(sid, frame, chunk.label);
    else if (chunk.kind === "accept") this.#onAccept(sid, frame, chunk.stream);
    else this.#shared.onFault(sid, "unreadable");
  }

  #onOpen(sid: Sid, frame: ChunkFrame, label: string): void {
    const listener = this.#listeners.find(label);
    if (listener === undefined || this.#isFull(sid)) {
      const why = listener === undefined ? NO_LISTENER : TOO_MANY;
      return this.#shared.answer(sid, frame.stream, { next: 0, byteLimit: why });
    }
    const stream = this.#add(sid, { peer: this.#host.peerOf(sid), label, isIncoming: true }, frame.stream);
    stream.received(frame);
    this.#offer(stream, listener);
  }

  #offer(stream: OpenStream, listener: Listener): void {
    if (listener.offer(stream) === "full") this.#refuse(stream, TOO_MANY, new DeliveryError("too-many-streams"));
  }

  #onAccept(sid: Sid, frame: ChunkFrame, accepted: number): void {
    const stream = this.#peers.get(sid)?.byOwn.get(accepted);
    // It has ended here; or it has another stream of this peer already.
    if (stream === undefined || stream.isIncoming || stream.lane.peerStream !== undefined) return;
    stream.lane.bind(frame.stream);
    this.#peers.get(sid)?.byPeers.set(frame.stream, stream);
    stream.received(frame);
  }

  #onAsk(sid: Sid, frame: AcknowledgementFrame): void {
    const known = this.#peers.get(sid)?.byPeers.get(frame.stream);
    if (known !== undefined) return known.asked(frame);
    const ended = this.#ended.get(endedKey(sid, frame.stream));
    // Its first chunk is not here yet: then it begins with that.
    const next = ended ?? (frame.next === 1 ? 1 : 0);
    this.#shared.answer(sid, frame.stream, { next, byteLimit: GONE });
  }

  #isFull(sid: Sid): boolean {
    const { size } = this.#peers.get(sid)?.byOwn ?? new Map();
    return size >= MAX_OF_PEER || this.#unsettled.size >= MAX_IN_ALL || this.#lastStream >= MAX_STREAM;
  }

  #mayWait(stream: OpenStream): boolean {
    let ofPeer = 0;
    let inAll = 0;
    for (const { isIncoming, isOpen, lane } of this.#unsettled) {
      if (!isIncoming || isOpen) continue;
      inAll += 1;
      if (lane.sid === stream.lane.sid) ofPeer += 1;
    }
    // Itself is one of them.
    return ofPeer <= MAX_WAITING_OF_PEER && inAll <= MAX_WAITING_IN_ALL;
  }

  #add(sid: Sid, identity: StreamIdentity, peerStream?: number): OpenStream {
    this.#lastStream += 1;
    const { isHere, isCongested } = this.#shared.standingOf(sid);
    const lane = new Lane(
      sid,
      { ...this.#shared, onSettled: () => undefined },
      { first: 1, confirmed: 1, next: 1 },
      {
        stream: this.#lastStream,
        maxWindowBytes: MAX_WINDOW_BYTES,
        // Who has opened takes that much at once.
        creditBytes: identity.isIncoming ? MIN_WINDOW_BYTES : 0,
        ownWindowBytes: 0,
      },
    );
    if (isHere) lane.back();
    if (isCongested) lane.congestion(true);
    const stream = new OpenStream(
      {
        clock: this.#host.clock,
        turns: this.#shared.turns,
        lane,
        pool: this.#pool,
        budget: this.#budget,
        pieceBytes: () => Math.min(MAX_CHUNK_BYTES, this.#host.maxPayloadBytes()) - 1,
        onFault: (kind) => this.#shared.onFault(sid, kind),
        onOver: (over) => this.#forget(over),
        onSettled: (settled) => this.#unsettled.delete(settled),
        onWithdrawn: (withdrawn, error) => this.#refuse(withdrawn, NO_LISTENER, error),
      },
      identity,
    );
    const { byOwn, byPeers } = this.#withPeer(sid);
    byOwn.set(lane.stream, stream);
    this.#unsettled.add(stream);
    if (peerStream !== undefined) {
      lane.bind(peerStream);
      byPeers.set(peerStream, stream);
    }
    return stream;
  }

  #withPeer(sid: Sid): WithPeer {
    const known = this.#peers.get(sid) ?? { byOwn: new Map(), byPeers: new Map() };
    this.#peers.set(sid, known);
    return known;
  }

  /** It has ended in both directions. Where that was not by its peer's going, the peer may ask once more. */
  #forget({ lane }: OpenStream): void {
    const { byOwn, byPeers } = this.#withPeer(lane.sid);
    byOwn.delete(lane.stream);
    if (byOwn.size === 0) this.#peers.delete(lane.sid);
    if (lane.peerStream === undefined) return;
    byPeers.delete(lane.peerStream);
    this.#ended.set(endedKey(lane.sid, lane.peerStream), lane.receiver.next);
    for (const oldest of this.#ended.keys()) {
      if (this.#ended.size <= MAX_ENDED) return;
      this.#ended.delete(oldest);
    }
  }

  /** It fails, and its peer is told when it asks. */
  #drop(stream: OpenStream, error: PosternError): void {
    const { sid, peerStream } = stream.lane;
    this.#listeners.withdraw(stream);
    stream.fail(error);
    if (peerStream !== undefined) this.#ended.delete(endedKey(sid, peerStream));
  }

  #refuse(stream: OpenStream, why: number, error: PosternError): void {
    const { sid, peerStream } = stream.lane;
    this.#drop(stream, error);
    if (peerStream !== undefined) this.#shared.answer(sid, peerStream, { next: 0, byteLimit: why });
  }

  #forEach(sid: Sid, task: (stream: OpenStream) => void): void {
    for (const stream of [...(this.#peers.get(sid)?.byOwn.values() ?? [])]) task(stream);
  }
}

/** Never rejects. */
async function handle(stream: PeerStream, handler: StreamHandler): Promise<void> {
  try {
    await handler(stream);
  } catch (error) {
    stream.abort(reasonOf(error));
  }
}

function endedKey(sid: Sid, stream: number): string {
  return `${sid} ${stream}`;
}
