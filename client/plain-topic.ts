import { toBytes } from "./data.ts";
import { DeliveryError, type PosternError, TopicError } from "./errors.ts";
import type { LineMember, TopicLine, TopicLineEvents, TopicLineOptions } from "./line/topic-line.ts";
import type { Data, Message, Peer, RequestHandler, SendOptions, Topic, TopicEvents, WaitOptions } from "./topic.ts";
import { TopicView } from "./topic-view.ts";

/** What may wait for the line: more is `backlog-full`. */
const MAX_WAITING_BYTES = 1024 * 1024;
const MAX_WAITING_COUNT = 1000;

const encoder = new TextEncoder();

type Waiting = {
  readonly payload: Uint8Array;
  /** Undefined: for all. */
  readonly peer: Peer | undefined;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
};

/** How a topic gets its line. */
export type OpenLine = (options: TopicLineOptions, events: TopicLineEvents) => TopicLine;

/**
 * A topic without numbers, for those that classic clients share. What is sent while the line is up leaves as it is; what a
 * cut loses is lost. While the line is down, it waits.
 */
export class PlainTopic implements Topic {
  readonly name: string;
  readonly #view = new TopicView(() => undefined);
  readonly #line: TopicLine;
  readonly #handles = new Map<string, number>();
  readonly #peers = new Map<number, Peer>();
  readonly #waiting = new Set<Waiting>();
  #waitingBytes = 0;
  #self: Peer = { id: "", isClassic: false };
  #maxPayloadBytes = Number.POSITIVE_INFINITY;
  #isCongested = false;
  #onFirstJoined: () => void = () => undefined;
  /** Resolves when it was joined, rejects when it never will be. */
  readonly joined: Promise<void>;

  /** @param peerId the name that the others see; undefined: the relay makes one. */
  constructor(name: string, open: OpenLine, peerId?: string) {
    this.name = name;
    this.joined = new Promise((resolve, reject) => {
      this.#onFirstJoined = resolve;
      this.#view.ended.addEventListener("abort", () => reject(this.#view.endReason));
    });
    this.joined.catch(() => undefined);
    this.#line = open({ peerId: () => peerId }, this.#lineEvents());
  }

  get self(): Peer {
    return this.#self;
  }

  /** Aborted when it has ended. */
  get ended(): AbortSignal {
    return this.#view.ended;
  }

  get peers(): ReadonlyMap<string, Peer> {
    return this.#view.peers;
  }

  broadcast(data: Data, options: SendOptions = {}): Promise<void> {
    return this.#offer(data, undefined, options);
  }

  send(peer: Peer | string, data: Data, options: SendOptions = {}): Promise<void> {
    const known = this.peers.get(typeof peer === "string" ? peer : peer.id);
    if (known === undefined) return Promise.reject(new DeliveryError("no-such-peer"));
    return this.#offer(data, known, options);
  }

  request(_peer: Peer | string, _data: Data, _options?: WaitOptions): Promise<Uint8Array> {
    return Promise.reject(new DeliveryError("plain-topic"));
  }

  onRequest(_handler: RequestHandler): () => void {
    throw new DeliveryError("plain-topic");
  }

  flush(_options?: WaitOptions): Promise<void> {
    return Promise.reject(new DeliveryError("plain-topic"));
  }

  messages(options: { readonly signal?: AbortSignal | undefined } = {}): AsyncIterableIterator<Message> {
    return this.#view.read(options.signal);
  }

  on<Name extends keyof TopicEvents>(name: Name, listener: (event: TopicEvents[Name]) => void): () => void {
    return this.#view.on(name, listener);
  }

  async leave(): Promise<void> {
    this.#end(new TopicError("closed"));
    await this.#line.leave();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.leave();
  }

  #lineEvents(): TopicLineEvents {
    return {
      onJoined: ({ self, members, maxPayloadBytes }) => {
        this.#self = { id: self.peerId, isClassic: false };
        this.#maxPayloadBytes = maxPayloadBytes;
        for (const member of members) this.#add(member);
        this.#onFirstJoined();
        this.#sendWaiting();
      },
      onDown: () => {
        for (const peerHandle of this.#peers.keys()) this.#remove(peerHandle);
        this.#isCongested = false;
      },
      onPeerJoined: (member) => this.#add(member),
      onPeerLeft: ({ peerHandle }) => this.#remove(peerHandle),
      onData: ({ peerHandle, payload, isAddressed }) => {
        const peer = this.#peers.get(peerHandle);
        const bytes = typeof payload === "string" ? encoder.encode(payload) : payload;
        // Nobody can be asked for it again, so an app that does not read loses it here.
        if (peer === undefined) this.#view.fault("unreadable");
        else if (this.#view.hasRoom) this.#view.deliver(peer, bytes, { isDirect: isAddressed });
        else this.#view.lost(peer.id, 1);
      },
      onOmitted: ({ peerHandle, count }) => this.#view.lost(this.#peers.get(peerHandle)?.id ?? "", count),
      onCongestion: ({ to, isCongested }) => {
        if (to === undefined) this.#isCongested = isCongested;
        this.#sendWaiting();
      },
      onWritable: () => this.#sendWaiting(),
      onEnded: (error) => this.#end(error),
    };
  }

  /** Two classic clients may have one name: the second one's id has its handle too. */
  #add({ peerId, peerHandle }: LineMember): void {
    const id = this.peers.has(peerId) ? `${peerId}#${peerHandle}` : peerId;
    const peer = { id, isClassic: true };
    this.#peers.set(peerHandle, peer);
    this.#handles.set(id, peerHandle);
    this.#view.addPeer(peer);
  }

  #remove(peerHandle: number): void {
    const peer = this.#peers.get(peerHandle);
    if (peer === undefined) return;
    this.#peers.delete(peerHandle);
    this.#handles.delete(peer.id);
    this.#view.removePeer(peer.id);
  }

  #end(reason: PosternError): void {
    this.#view.end(reason);
    for (const { reject } of this.#waiting) reject(reason);
    this.#waiting.clear();
  }

  async #offer(data: Data, peer: Peer | undefined, { signal, wait }: SendOptions): Promise<void> {
    const { endReason } = this.#view;
    if (endReason !== undefined) throw new DeliveryError("closed", { cause: endReason });
    if (signal?.aborted === true) throw new DeliveryError("aborted", { cause: signal.reason });
    const payload = toBytes(data, this.#maxPayloadBytes);
    if (this.#waiting.size === 0 && this.#mayLeave(peer)) {
      this.#sendNow(payload, peer);
      return;
    }
    if (wait === false) throw new DeliveryError("would-wait");
    if (this.#waiting.size >= MAX_WAITING_COUNT || this.#waitingBytes >= MAX_WAITING_BYTES) {
      throw new DeliveryError("backlog-full");
    }
    await this.#enqueue(payload, peer, signal);
  }

  #enqueue(payload: Uint8Array, peer: Peer | undefined, signal: AbortSignal | undefined): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const waiting: Waiting = { payload, peer, resolve, reject };
      this.#waiting.add(waiting);
      this.#waitingBytes += payload.length;
      const giveUp = (): void => {
        if (!this.#waiting.delete(waiting)) return;
        this.#waitingBytes -= payload.length;
        reject(new DeliveryError("aborted", { cause: signal?.reason }));
      };
      signal?.addEventListener("abort", giveUp, { once: true });
    });
  }

  #mayLeave(peer: Peer | undefined): boolean {
    return this.#line.isWritable && (peer !== undefined || !this.#isCongested);
  }

  /** In the order of the calls. */
  #sendWaiting(): void {
    for (const waiting of this.#waiting) {
      if (!this.#mayLeave(waiting.peer)) return;
      this.#waiting.delete(waiting);
      this.#waitingBytes -= waiting.payload.length;
      if (this.#sendNow(waiting.payload, waiting.peer)) waiting.resolve();
      else waiting.reject(new DeliveryError("peer-gone"));
    }
  }

  /** @returns whether there was somebody to send it to, as far as is known. */
  #sendNow(payload: Uint8Array, peer: Peer | undefined): boolean {
    if (peer === undefined) {
      this.#line.sendToAll(payload);
      return true;
    }
    const peerHandle = this.#handles.get(peer.id);
    if (peerHandle !== undefined) this.#line.sendTo([peerHandle], payload);
    return peerHandle !== undefined;
  }
}
