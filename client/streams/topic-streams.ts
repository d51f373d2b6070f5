import type { SharedLanes, StreamLanes } from "../delivery/direct-lanes.ts";
import type { AcknowledgementFrame, ChunkFrame, Frame } from "../delivery/frame.ts";
import { Lane } from "../delivery/lane.ts";
import type { Sid } from "../delivery/ports.ts";
import { DeliveryError, type PosternError } from "../errors.ts";
import type { StreamHalf, StreamHost, StreamSecrets } from "../stream-host.ts";
import { withTimeLimit } from "../time-limit.ts";
import type { Peer, WaitOptions } from "../topic.ts";
import { KeptBudget } from "./kept-budget.ts";
import { IncomingStreams, Listeners } from "./listeners.ts";
import { OpenStream, type StreamIdentity } from "./open-stream.ts";
import type { LabelOptions, PeerStream, StreamHandler, Streams } from "./peer-stream.ts";
import { MAX_WINDOW_BYTES, MIN_WINDOW_BYTES, WindowPool } from "./read-window.ts";
import { decodeStreamChunk, openChunk, reasonOf, type StreamChunk } from "./stream-chunk.ts";
import { streamRefusal } from "./stream-error.ts";

const OPEN_TIMEOUT_MS = 30_000;

const MAX_OF_PEER = 64;
const MAX_IN_ALL = 1024;
const MAX_WAITING_OF_PEER = 16;
const MAX_WAITING_IN_ALL = 256;

/** What all streams may have unread, and may keep until it is acknowledged, beyond the smallest window of each. */
const SHARED_BYTES = 64 * 1024 * 1024;

/** The largest piece of a stream in one chunk, behind its kind: 64 KiB, which pipes and Hypercore have at once, with what is around them. */
const MAX_CHUNK_BYTES = 68 * 1024;
const KIND_BYTES = 1;

/** So many streams of a peer that have ended are remembered, by one number each: it may not have heard it. */
const MAX_ENDED_OF_PEER = 256;

const MAX_STREAM = 2 ** 32 - 1;

/** Why there is no stream, by the number on the wire. */
const refusals = ["peer-gone", "no-listener", "too-many-streams"] as const;
const GONE = 0;
const NO_LISTENER = 1;
const TOO_MANY = 2;

type ChunkOf<Kind extends StreamChunk["kind"]> = Extract<StreamChunk, { readonly kind: Kind }>;

/** The streams with one peer. */
type WithPeer = {
  /** By the number under which this end sends. */
  readonly byOwn: Map<number, OpenStream>;
  /** By the number under which the peer does, where that is known. */
  readonly byPeers: Map<number, OpenStream>;
  /** Where those have stopped that have ended, by the number of the peer. */
  readonly ended: Map<number, number>;
};

/** The streams of one topic: finds whose a frame is, opens, takes what others open, and bounds it all. */
export class TopicStreams implements Streams, StreamLanes {
  readonly #host: StreamHost;
  readonly #shared: SharedLanes;
  readonly #maxPayloadBytes: () => number;
  readonly #secrets: StreamSecrets | undefined;
  readonly #pool = new WindowPool(SHARED_BYTES);
  readonly #budget = new KeptBudget(SHARED_BYTES);
  readonly #listeners = new Listeners();
  readonly #peers = new Map<Sid, WithPeer>();
  /** Those whose app has not read everything, also of peers that have gone. */
  readonly #unsettled = new Set<OpenStream>();
  #lastStream = 0;

  /**
   * @param maxPayloadBytes the largest payload that reaches every member.
   * @param secrets the keys of streams; undefined: none has one of its own.
   */
  constructor(host: StreamHost, shared: SharedLanes, maxPayloadBytes: () => number, secrets?: StreamSecrets) {
    this.#host = host;
    this.#shared = shared;
    this.#maxPayloadBytes = maxPayloadBytes;
    this.#secrets = secrets;
  }

  async open(peer: Peer | string, label: string, options: WaitOptions = {}): Promise<PeerStream> {
    const { timeoutMs = OPEN_TIMEOUT_MS, signal } = options;
    const sid = typeof peer === "string" ? peer : peer.id;
    this.#checkPeer(sid, signal);
    const half = this.#covers(sid) ? await this.#secrets?.offer() : undefined;
    if (half !== undefined) this.#checkPeer(sid, signal);
    const chunk = openChunk(this.#lastStream + 1, label, half?.publicKey);
    if (chunk === undefined) throw new DeliveryError("option-invalid", { cause: "a label is 1 to 256 bytes of UTF-8" });
    if (this.#isFull(sid)) throw streamRefusal("too-many-streams");
    const forwardSecret = half !== undefined;
    const stream = this.#add(sid, { peer: this.#peer(sid), label, isIncoming: false, forwardSecret });
    if (half !== undefined) stream.keyed(half);
    stream.lane.add({ frame: chunk, isControl: true });
    try {
      await withTimeLimit(this.#shared.clock, { timeoutMs, signal }, async () => {
        await stream.opened;
        if ((await stream.agreed) === false) throw new DeliveryError("peer-gone");
      });
      return stream;
    } catch (error) {
      const { sender } = stream.lane;
      const isKnown = sender.isUnsure || sender.numbers.confirmed > 1;
      // Of one that was never sent the peer need not hear.
      if (isKnown) stream.abort(reasonOf(error));
      else this.#drop(stream, new DeliveryError("aborted"));
      throw error;
    }
  }

  onStream(handler: StreamHandler, { label }: LabelOptions = {}): () => void {
    return this.#listeners.set(label, {
      hasRoom: () => true,
      take: (stream) => {
        stream.accept();
        void handle(stream, handler);
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
      mayWait: (sid) => this.#mayWait(sid),
      accept: (stream) => stream.accept(),
      refuse: (stream) => this.#refuse(stream, NO_LISTENER, streamRefusal("no-listener")),
      onEnd: () => stop(),
    });
    const stop = this.#listeners.set(label, incoming);
    signal?.addEventListener("abort", stop, { once: true });
    if (signal?.aborted === true || this.#host.ended.aborted) stop();
    return incoming;
  }

  received(sid: Sid, frame: Extract<Frame, { readonly type: "chunk" | "acknowledgement" }>): void {
    if (frame.type === "chunk") this.#onChunk(sid, frame);
    else if (frame.purpose === "ask") this.#onAsk(sid, frame);
    else {
      const stream = this.#peers.get(sid)?.byOwn.get(frame.stream);
      if (frame.next > 0) stream?.acknowledged(frame);
      else stream?.fail(streamRefusal(refusals[frame.byteLimit] ?? "peer-gone"));
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
    this.#peers.delete(sid);
  }

  congestion(sid: Sid, isCongested: boolean): void {
    this.#forEach(sid, ({ lane }) => lane.congestion(isCongested));
  }

  close(error: PosternError): void {
    for (const sid of this.#peers.keys()) this.#forEach(sid, (stream) => this.#drop(stream, error));
    this.#listeners.end();
  }

  #onChunk(sid: Sid, frame: ChunkFrame): void {
    const peer = this.#peers.get(sid);
    const known = peer?.byPeers.get(frame.stream);
    if (known !== undefined) return known.received(frame);
    // What comes late of a stream that has ended here is nothing new, and neither is its first chunk.
    if (frame.seq !== 1 || peer?.ended.has(frame.stream) === true) return;
    const chunk = decodeStreamChunk(frame);
    if (chunk.kind === "open") this.#onOpen(sid, frame, chunk);
    else if (chunk.kind === "accept") this.#onAccept(sid, frame, chunk);
    else this.#shared.onFault(sid, "unreadable");
  }

  #onOpen(sid: Sid, frame: ChunkFrame, { label, key }: ChunkOf<"open">): void {
    const forwardSecret = this.#covers(sid);
    // Never less than both ends can do.
    if (forwardSecret !== (key !== undefined)) return this.#shared.onFault(sid, "unreadable");
    const listener = this.#listeners.find(label);
    // Before anything is made: who opens without end costs no more than this.
    if (listener === undefined || this.#isFull(sid) || !listener.hasRoom(sid)) {
      const why = listener === undefined ? NO_LISTENER : TOO_MANY;
      return this.#shared.answer(sid, frame.stream, { next: 0, byteLimit: why });
    }
    const stream = this.#add(sid, { peer: this.#peer(sid), label, isIncoming: true, forwardSecret }, frame.stream);
    stream.received(frame);
    if (key === undefined) listener.take(stream);
    else void this.#takeKeyed(stream, key);
  }

  /** An app gets it once it has a key: what it writes at once goes by that. Never rejects. */
  async #takeKeyed(stream: OpenStream, peersKey: Uint8Array): Promise<void> {
    const half = await this.#secrets?.offer().catch(() => undefined);
    if (half !== undefined) stream.keyed(half);
    const isAgreed = half !== undefined && (await this.#agree(stream, half, peersKey));
    if (this.#peers.get(stream.lane.sid)?.byOwn.get(stream.lane.stream) !== stream) return;
    const listener = this.#listeners.find(stream.label);
    if (isAgreed && listener !== undefined) listener.take(stream);
    else this.#refuse(stream, NO_LISTENER, streamRefusal("no-listener"));
  }

  /** @returns whether the two halves give a key; false where it has ended meanwhile. */
  async #agree(stream: OpenStream, half: StreamHalf, peersKey: Uint8Array): Promise<boolean> {
    const { sid, stream: own, peerStream: peers } = stream.lane;
    // It may have ended while the half was made.
    const isHere = this.#peers.get(sid)?.byOwn.get(own) === stream;
    if (!isHere || peers === undefined || this.#secrets === undefined) return false;
    return this.#secrets.agree({ sid, own, peers, isOpener: !stream.isIncoming }, half, peersKey);
  }

  #onAccept(sid: Sid, frame: ChunkFrame, { stream: accepted, key }: ChunkOf<"accept">): void {
    const stream = this.#peers.get(sid)?.byOwn.get(accepted);
    // It has ended here; or it has another stream of this peer already.
    if (stream === undefined || stream.isIncoming || stream.lane.peerStream !== undefined) {
      return this.#shared.answer(sid, frame.stream, { next: 0, byteLimit: GONE });
    }
    const { half } = stream;
    if ((half === undefined) !== (key === undefined)) return this.#shared.onFault(sid, "unreadable");
    stream.lane.bind(frame.stream);
    this.#peers.get(sid)?.byPeers.set(frame.stream, stream);
    if (half !== undefined && key !== undefined) void this.#agreeOrDrop(stream, half, key);
    stream.received(frame);
  }

  async #agreeOrDrop(stream: OpenStream, half: StreamHalf, peersKey: Uint8Array): Promise<void> {
    const agreed = this.#agree(stream, half, peersKey);
    stream.keyed(half, agreed);
    if (!(await agreed)) this.#drop(stream, new DeliveryError("peer-gone"));
  }

  #onAsk(sid: Sid, frame: AcknowledgementFrame): void {
    const peer = this.#peers.get(sid);
    const known = peer?.byPeers.get(frame.stream);
    if (known !== undefined) return known.asked(frame);
    // Its first chunk is not here yet: then it begins with that.
    const next = peer?.ended.get(frame.stream) ?? (frame.next === 1 ? 1 : 0);
    this.#shared.answer(sid, frame.stream, { next, byteLimit: GONE });
  }

  /** @throws DeliveryError `closed`, `no-such-peer`, `aborted` */
  #checkPeer(sid: Sid, signal: AbortSignal | undefined): void {
    if (this.#host.ended.aborted) throw new DeliveryError("closed", { cause: this.#host.ended.reason });
    if (this.#host.peers.get(sid) === undefined) throw new DeliveryError("no-such-peer");
    if (signal?.aborted === true) throw new DeliveryError("aborted", { cause: signal.reason });
  }

  /** Whether streams with this peer have keys of their own. */
  #covers(sid: Sid): boolean {
    return this.#secrets?.covers(sid) === true;
  }

  #isFull(sid: Sid): boolean {
    const { size } = this.#peers.get(sid)?.byOwn ?? new Map();
    return size >= MAX_OF_PEER || this.#unsettled.size >= MAX_IN_ALL || this.#lastStream >= MAX_STREAM;
  }

  #mayWait(sid: Sid): boolean {
    let ofPeer = 0;
    let inAll = 0;
    for (const { isIncoming, isOpen, lane } of this.#unsettled) {
      if (!isIncoming || isOpen) continue;
      inAll += 1;
      if (lane.sid === sid) ofPeer += 1;
    }
    return ofPeer < MAX_WAITING_OF_PEER && inAll < MAX_WAITING_IN_ALL;
  }

  #add(sid: Sid, identity: StreamIdentity, peerStream?: number): OpenStream {
    this.#lastStream += 1;
    const lane = new Lane(
      sid,
      { ...this.#shared, onSettled: () => undefined },
      { first: 1, confirmed: 1, high: 1, kept: [], next: 1 },
      {
        stream: this.#lastStream,
        peerStream,
        maxWindowBytes: MAX_WINDOW_BYTES,
        // Who has opened takes that much at once.
        creditBytes: identity.isIncoming ? MIN_WINDOW_BYTES : 0,
        ownWindowBytes: 0,
      },
      this.#shared.laneOf(sid),
    );
    const stream = new OpenStream(
      {
        clock: this.#shared.clock,
        turns: this.#shared.turns,
        lane,
        pool: this.#pool,
        budget: this.#budget,
        pieceBytes: () => Math.min(MAX_CHUNK_BYTES, this.#maxPayloadBytes() - KIND_BYTES),
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
    if (peerStream !== undefined) byPeers.set(peerStream, stream);
    return stream;
  }

  #peer(sid: Sid): Peer {
    return this.#host.peers.get(sid) ?? { id: sid, isClassic: false };
  }

  #withPeer(sid: Sid): WithPeer {
    const known = this.#peers.get(sid) ?? { byOwn: new Map(), byPeers: new Map(), ended: new Map() };
    this.#peers.set(sid, known);
    return known;
  }

  /** It has ended in both directions. Where that was not by its peer's going, the peer may ask once more. */
  #forget({ lane }: OpenStream): void {
    const { byOwn, byPeers, ended } = this.#withPeer(lane.sid);
    byOwn.delete(lane.stream);
    if (lane.peerStream === undefined) return;
    this.#secrets?.forget({ sid: lane.sid, own: lane.stream, peers: lane.peerStream });
    byPeers.delete(lane.peerStream);
    ended.set(lane.peerStream, lane.receiver.next);
    for (const oldest of ended.keys()) {
      if (ended.size <= MAX_ENDED_OF_PEER) return;
      ended.delete(oldest);
    }
  }

  /** It fails, and its peer is told when it asks. */
  #drop(stream: OpenStream, error: PosternError): void {
    const { sid, peerStream } = stream.lane;
    this.#listeners.withdraw(stream);
    stream.fail(error);
    if (peerStream !== undefined) this.#peers.get(sid)?.ended.delete(peerStream);
  }

  #refuse(stream: OpenStream, why: number, error: PosternError): void {
    const { sid, peerStream } = stream.lane;
    this.#drop(stream, error);
    if (peerStream !== undefined) this.#shared.answer(sid, peerStream, { next: 0, byteLimit: why });
  }

  #forEach(sid: Sid, task: (stream: OpenStream) => void): void {
    for (const stream of this.#peers.get(sid)?.byOwn.values() ?? []) task(stream);
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
