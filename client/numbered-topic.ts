import type { Clock } from "./clock.ts";
import { toBytes } from "./data.ts";
import { Delivery } from "./delivery/delivery.ts";
import { DirectLanes, type StreamLanes } from "./delivery/direct-lanes.ts";
import type { DeliveryEvents, Sid } from "./delivery/ports.ts";
import { DeliveryError, type PosternError, TopicError } from "./errors.ts";
import type { TopicLine, TopicLineEvents } from "./line/topic-line.ts";
import { OVERHEAD_BYTES } from "./overhead.ts";
import { MAX_PRESENCE_BYTES, type OpenPassage, type Passage, type PassageEvents } from "./passage.ts";
import type { OpenLine } from "./plain-topic.ts";
import { randomWord } from "./random.ts";
import { plainMessage, Requests } from "./requests.ts";
import type { SessionIdentity } from "./session-identity.ts";
import type { HostsStreams } from "./stream-host.ts";
import { withTimeLimit } from "./time-limit.ts";
import type { Data, Peer, RequestHandler, SendOptions, Topic, WaitOptions } from "./topic.ts";
import { messageOf, TopicView } from "./topic-view.ts";
import { ViewedTopic } from "./viewed-topic.ts";

const FLUSH_TIMEOUT_MS = 30_000;
/** What was sent leaves before this client does, unless it takes longer than this. */
const LEAVE_PATIENCE_MS = 2000;
const LEAVE_LOOK_MS = 20;

/** What a topic with numbers is made of. */
export type NumberedTopicParts = {
  readonly clock: Clock;
  /** How much of what was broadcast is kept for those who miss it. */
  readonly resendBufferBytes: number;
  /** Whether the relay ends the old connection of a client that comes back. */
  readonly canTakeOver: () => boolean;
  /** What frames go through on their way: sealed, or as they are. */
  readonly openPassage: OpenPassage;
  /** What it shows of itself at first. */
  readonly presence?: Data | undefined;
  /** Whom it proves to be, where it does. */
  readonly identity?: SessionIdentity | undefined;
};

/** A topic whose members number what they send: each gets it once and in order, or is told what it has lost. */
export class NumberedTopic extends ViewedTopic implements Topic, HostsStreams {
  readonly #parts: NumberedTopicParts;
  readonly #sid: Sid;
  readonly #view: TopicView;
  readonly #passage: Passage;
  readonly #delivery: Delivery;
  readonly #lanes: DirectLanes;
  readonly #requests: Requests;
  #line: TopicLine | undefined;
  #leaving: Promise<void> | undefined;
  #ownPresence: Uint8Array | undefined;
  readonly #presences = new Map<Sid, Uint8Array>();
  #maxPayloadBytes = Number.POSITIVE_INFINITY;

  constructor(name: string, open: OpenLine, parts: NumberedTopicParts) {
    const view = new TopicView(() => this.#delivery.roomAgain());
    super(name, view);
    this.#view = view;
    const { clock, resendBufferBytes, canTakeOver } = parts;
    let controlSeq = 0;
    const nextControlSeq = (): number => (controlSeq += 1);
    this.#parts = parts;
    this.#sid = parts.identity?.sid ?? randomWord();
    this.#passage = parts.openPassage({
      ownSid: this.#sid,
      line: () => this.#line,
      canTakeOver,
      events: this.#passageEvents(),
    });
    const { carrier } = this.#passage;
    const events = this.#deliveryEvents();
    const lanes = new DirectLanes({
      clock,
      carrier,
      nextControlSeq,
      events: { ...events, onDirect: (sid, payload) => this.#direct(sid, payload) },
    });
    this.#lanes = lanes;
    this.#requests = new Requests({
      clock,
      sendDirect: (sid, payload, options) => lanes.send(sid, payload, options),
      onFault: events.onFault,
    });
    this.#delivery = new Delivery(
      { clock, carrier, lanes, nextControlSeq, events },
      { resendBufferBytes, maxPayloadBytes: Number.POSITIVE_INFINITY },
    );
    if (parts.presence !== undefined) this.setPresence(parts.presence);
    this.#line = open(
      { peerId: () => this.#passage.nextName(), presence: () => this.#passage.nextPresence() },
      this.#lineEvents(),
    );
  }

  /** Resolves when it was joined, and those who were there are known; rejects when it never will be. */
  override get joined(): Promise<void> {
    return super.joined.then(() => this.#passage.met());
  }

  get self(): Peer {
    const publicKey = this.#parts.identity?.publicKey;
    return { id: this.#sid, isClassic: false, publicKey, presence: this.#ownPresence };
  }

  setPresence(presence: Data): void {
    this.#checkOpen(undefined);
    this.#ownPresence = toBytes(presence, this.#parts.identity?.maxPresenceBytes ?? MAX_PRESENCE_BYTES).slice();
    this.#passage.show(this.#ownPresence);
  }

  async broadcast(data: Data, options: SendOptions = {}): Promise<void> {
    await this.#delivery.broadcast(this.#checked(data, options.signal), options);
  }

  async send(peer: Peer | string, data: Data, options: SendOptions = {}): Promise<void> {
    const payload = this.#checked(data, options.signal);
    await this.#lanes.send(this.#present(peer), plainMessage(payload), options);
  }

  async request(peer: Peer | string, data: Data, options: WaitOptions = {}): Promise<Uint8Array> {
    return this.#requests.request(this.#present(peer), this.#checked(data, options.signal), options);
  }

  onRequest(handler: RequestHandler): () => void {
    return this.#requests.setHandler((sid, data) => handler(messageOf(this.#peer(sid), data, true)));
  }

  async flush({ timeoutMs = FLUSH_TIMEOUT_MS, signal }: WaitOptions = {}): Promise<void> {
    this.#checkOpen(signal);
    await withTimeLimit(this.#parts.clock, { timeoutMs, signal }, (limit) =>
      Promise.all([this.#delivery.flush({ signal: limit }), this.#lanes.idle(limit)]),
    );
  }

  leave(): Promise<void> {
    this.#leaving ??= this.#leave();
    return this.#leaving;
  }

  hostStreams(make: Parameters<HostsStreams["hostStreams"]>[0]): StreamLanes {
    return this.#lanes.extend((shared) =>
      make(shared, () => this.#maxPayloadBytes, this.#parts.identity?.streamSecrets),
    );
  }

  async #leave(): Promise<void> {
    const { clock } = this.#parts;
    const endMs = clock.monotonicMs() + LEAVE_PATIENCE_MS;
    while (!this.#view.ended.aborted && !this.#delivery.sayGoodbye() && clock.monotonicMs() < endMs) {
      await new Promise<void>((resolve) => {
        clock.after(LEAVE_LOOK_MS, resolve);
      });
    }
    await this.#passage.settled();
    this.#end(new TopicError("closed"));
    await this.#line?.leave();
  }

  #passageEvents(): PassageEvents {
    return {
      onHere: (sid) => this.#delivery.peerJoined(sid),
      onAway: (sid) => this.#delivery.peerLeft(sid),
      onPresence: (sid, presence) => this.#shows(sid, presence),
      onFrame: (sid, frame, how) => this.#delivery.received(sid, frame, how),
      onWritable: () => this.#delivery.writable(),
      onClassic: (id) => this.#view.classic({ id, isClassic: true }),
      onFault: (kind, sid) => this.#view.fault(kind, sid),
    };
  }

  #deliveryEvents(): DeliveryEvents {
    const view = this.#view;
    return {
      onPeerJoined: (sid) => view.addPeer(this.#peer(sid)),
      onPeerLeft: (sid) => {
        view.removePeer(sid);
        this.#passage.gone(sid);
        this.#presences.delete(sid);
        this.#requests.peerGone(sid);
      },
      onMessage: (sid, payload) => view.deliver(this.#peer(sid), payload, { isDirect: false }),
      onLost: (sid, count) => view.lost(sid, count),
      onHeld: (sids) => view.held(sids),
      onFault: (sid, kind) => view.fault(kind, sid),
      hasRoom: () => view.hasRoom,
    };
  }

  #lineEvents(): TopicLineEvents {
    return {
      onJoined: ({ members, maxPayloadBytes }) => {
        this.#maxPayloadBytes = maxPayloadBytes - OVERHEAD_BYTES;
        this.#delivery.joined(this.#passage.joined(members));
        this.#view.onJoined();
      },
      onDown: () => {
        this.#passage.down();
        this.#delivery.disconnected();
      },
      onPeerJoined: (member) => this.#passage.peerJoined(member),
      onPeerLeft: ({ peerHandle }) => this.#passage.peerLeft(peerHandle),
      onData: (data) => this.#passage.received(data),
      onPresence: ({ peerHandle, presence }) => this.#passage.shown(peerHandle, presence),
      onOmitted: ({ peerHandle, count, sizeBytes }) => {
        const sid = this.#passage.sidOf(peerHandle);
        if (sid !== undefined) this.#delivery.omitted(sid, { count, sizeBytes });
      },
      onCongestion: ({ to, isCongested }) => {
        const sid = to === undefined ? undefined : this.#passage.sidOf(to);
        if (to === undefined || sid !== undefined) this.#delivery.congestion({ to: sid, isCongested });
      },
      onWritable: () => this.#delivery.writable(),
      onEnded: (error) => this.#end(error),
    };
  }

  #direct(sid: Sid, payload: Uint8Array): void {
    const message = this.#requests.received(sid, payload);
    if (message !== undefined) this.#view.deliver(this.#peer(sid), message, { isDirect: true });
  }

  #peer(sid: Sid): Peer {
    return this.peers.get(sid) ?? this.#described(sid);
  }

  #described(sid: Sid): Peer {
    const publicKey = this.#parts.identity?.publicKeyOf(sid);
    return { id: sid, isClassic: false, publicKey, presence: this.#presences.get(sid) };
  }

  #shows(sid: Sid, presence: Uint8Array): void {
    this.#presences.set(sid, presence);
    this.#view.updatePeer(this.#described(sid));
  }

  #present(peer: Peer | string): Sid {
    const id = typeof peer === "string" ? peer : peer.id;
    if (!this.peers.has(id)) throw new DeliveryError("no-such-peer");
    return id;
  }

  #checkOpen(signal: AbortSignal | undefined): void {
    if (this.#leaving !== undefined) throw new DeliveryError("closed");
    this.#view.checkOpen(signal);
  }

  #checked(data: Data, signal: AbortSignal | undefined): Uint8Array {
    this.#checkOpen(signal);
    return toBytes(data, this.#maxPayloadBytes);
  }

  #end(reason: PosternError): void {
    this.#view.end(reason);
    this.#delivery.close(reason);
    this.#requests.close(reason);
    // Behind what these still say: who has not proved itself is asked no more.
    this.#passage.down();
  }
}
