import { toBytes, utf8 } from "./data.ts";
import { Backlog } from "./delivery/backlog.ts";
import { DeliveryError, type PosternError, TopicError } from "./errors.ts";
import type { LineMember, TopicLine, TopicLineEvents, TopicLineOptions } from "./line/topic-line.ts";
import type { Data, Peer, RequestHandler, SendOptions, Topic, WaitOptions } from "./topic.ts";
import { TopicView } from "./topic-view.ts";
import { ViewedTopic } from "./viewed-topic.ts";

/** What waits for the line. Without a peer it is for all. */
type Outgoing = { readonly payload: Uint8Array; readonly peer: Peer | undefined };

/** How a topic gets its line. */
export type OpenLine = (options: TopicLineOptions, events: TopicLineEvents) => TopicLine;

/**
 * A topic without numbers, for those that classic clients share. What is sent while the line is up leaves as it is; what a
 * cut loses is lost. While the line is down, it waits.
 */
export class PlainTopic extends ViewedTopic implements Topic {
  readonly #view: TopicView;
  readonly #line: TopicLine;
  readonly #handles = new Map<string, number>();
  readonly #peers = new Map<number, Peer>();
  readonly #waiting = new Backlog<Outgoing>(() => undefined);
  #self: Peer = { id: "", isClassic: false };
  #maxPayloadBytes = Number.POSITIVE_INFINITY;
  #isCongested = false;

  /** @param peerId the name that the others see; undefined: the relay makes one. */
  constructor(name: string, open: OpenLine, peerId?: string) {
    const view = new TopicView(() => undefined);
    super(name, view);
    this.#view = view;
    this.#line = open({ peerId: () => peerId }, this.#lineEvents());
  }

  get self(): Peer {
    return this.#self;
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

  setPresence(_presence: Data): void {
    throw new DeliveryError("plain-topic");
  }

  flush(_options?: WaitOptions): Promise<void> {
    return Promise.reject(new DeliveryError("plain-topic"));
  }

  async leave(): Promise<void> {
    this.#end(new TopicError("closed"));
    await this.#line.leave();
  }

  #lineEvents(): TopicLineEvents {
    return {
      onJoined: ({ self, members, maxPayloadBytes }) => {
        this.#self = { id: self.peerId, isClassic: false };
        this.#maxPayloadBytes = maxPayloadBytes;
        for (const member of members) this.#add(member);
        this.#view.onJoined();
        this.#sendWaiting();
      },
      onDown: () => {
        for (const peerHandle of this.#peers.keys()) this.#remove(peerHandle);
        this.#isCongested = false;
      },
      onPeerJoined: (member) => this.#add(member),
      onPeerLeft: ({ peerHandle }) => this.#remove(peerHandle),
      onPresence: () => undefined,
      onData: ({ peerHandle, payload, isAddressed }) => {
        const peer = this.#peers.get(peerHandle);
        const bytes = typeof payload === "string" ? utf8(payload) : payload;
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
    this.#waiting.clear(reason);
  }

  async #offer(data: Data, peer: Peer | undefined, options: SendOptions): Promise<void> {
    this.#view.checkOpen(options.signal);
    const payload = toBytes(data, this.#maxPayloadBytes);
    const outgoing = { payload, peer };
    if (this.#waiting.first === undefined && this.#mayLeave(outgoing)) this.#sendNow(outgoing);
    else await this.#waiting.wait({ payload: payload.slice(), peer }, payload.length, options);
  }

  #mayLeave({ peer }: Outgoing): boolean {
    return this.#line.isWritable && (peer !== undefined || !this.#isCongested);
  }

  /** In the order of the calls. */
  #sendWaiting(): void {
    for (let next = this.#waiting.first; next !== undefined && this.#mayLeave(next); next = this.#waiting.first) {
      this.#waiting.shift(this.#sendNow(next) ? undefined : new DeliveryError("peer-gone"));
    }
  }

  /** @returns whether there was somebody to send it to, as far as is known. */
  #sendNow({ payload, peer }: Outgoing): boolean {
    const peerHandle = peer && this.#handles.get(peer.id);
    if (peer === undefined) this.#line.sendToAll(payload);
    else if (peerHandle === undefined) return false;
    else this.#line.sendTo([peerHandle], payload);
    return true;
  }
}
