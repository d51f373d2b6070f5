import { Emitter } from "./emitter.ts";
import { DeliveryError, type PosternError } from "./errors.ts";
import { Inbox } from "./inbox.ts";
import type { Fault, Message, Peer, TopicEvents } from "./topic.ts";

const decoder = new TextDecoder();

/** What an app sees of a topic: its peers, and what comes from them. The same for both kinds of topic. */
export class TopicView {
  readonly #emitter = new Emitter<TopicEvents>();
  readonly #inbox: Inbox;
  readonly #peers = new Map<string, Peer>();
  readonly #ending = new AbortController();
  readonly #joining = Promise.withResolvers<void>();
  #endReason: PosternError | undefined;

  /** @param onRoom the app takes messages again. */
  constructor(onRoom: () => void) {
    this.#inbox = new Inbox(onRoom);
    this.joined.catch(() => undefined);
  }

  get peers(): ReadonlyMap<string, Peer> {
    return this.#peers;
  }

  /** Aborted when the topic has ended, by the app or by the relay. */
  get ended(): AbortSignal {
    return this.#ending.signal;
  }

  /** Resolves when it was joined, rejects when it never will be. */
  get joined(): Promise<void> {
    return this.#joining.promise;
  }

  get hasRoom(): boolean {
    return this.#inbox.hasRoom;
  }

  on<Name extends keyof TopicEvents>(name: Name, listener: (event: TopicEvents[Name]) => void): () => void {
    return this.#emitter.on(name, listener);
  }

  read(signal: AbortSignal | undefined): AsyncIterableIterator<Message> {
    return this.#inbox.read(signal);
  }

  /** @throws DeliveryError `closed`, `aborted` */
  checkOpen(signal: AbortSignal | undefined): void {
    if (this.#endReason !== undefined) throw new DeliveryError("closed", { cause: this.#endReason });
    if (signal?.aborted === true) throw new DeliveryError("aborted", { cause: signal.reason });
  }

  /** It is joined, at first or anew. */
  onJoined(): void {
    this.#joining.resolve();
  }

  addPeer(peer: Peer): void {
    this.#peers.set(peer.id, peer);
    this.#emitter.emit("join", peer);
  }

  /** A peer shows something else than before; nothing is told of one that is not here. */
  updatePeer(peer: Peer): void {
    const before = this.#peers.get(peer.id);
    if (before === undefined || isSame(before.presence, peer.presence)) return;
    this.#peers.set(peer.id, peer);
    this.#emitter.emit("update", peer);
  }

  removePeer(id: string): void {
    const peer = this.#peers.get(id);
    if (peer === undefined) return;
    this.#peers.delete(id);
    this.#emitter.emit("leave", peer);
  }

  deliver(peer: Peer, data: Uint8Array, { isDirect }: { readonly isDirect: boolean }): void {
    const message = messageOf(peer, data, isDirect);
    this.#inbox.offer(message, { isHeard: this.#emitter.emit("message", message) });
  }

  lost(id: string, count: number): void {
    const peer = this.#peers.get(id);
    if (peer !== undefined) this.#emitter.emit("lost", { peer, count });
  }

  held(ids: readonly string[]): void {
    this.#emitter.emit("held", { peers: ids.flatMap((id) => this.#peers.get(id) ?? []) });
  }

  classic(peer: Peer): void {
    this.#emitter.emit("classic", peer);
  }

  fault(kind: Fault["kind"], id?: string): void {
    this.#emitter.emit("fault", { kind, peer: id === undefined ? undefined : this.#peers.get(id) });
  }

  /** Ends it. `closed` is the app's own wish, and no event. */
  end(reason: PosternError): void {
    if (this.ended.aborted) return;
    this.#endReason = reason;
    this.#joining.reject(reason);
    this.#ending.abort(reason);
    this.#inbox.close();
    if (reason.code !== "closed") this.#emitter.emit("error", reason);
  }
}

function isSame(one: Uint8Array | undefined, other: Uint8Array | undefined): boolean {
  return one?.length === other?.length && one?.every((byte, index) => byte === other?.[index]) !== false;
}

/** A message as the app gets it. Its text is decoded when it is asked for. */
export function messageOf(peer: Peer, data: Uint8Array, isDirect: boolean): Message {
  return {
    peer,
    data,
    isDirect,
    get text() {
      return decoder.decode(data);
    },
  };
}
