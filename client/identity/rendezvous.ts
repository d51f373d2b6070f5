import { systemClock } from "../clock.ts";
import { utf8 } from "../data.ts";
import type { StreamLanes } from "../delivery/direct-lanes.ts";
import { TopicError } from "../errors.ts";
import type { Relay } from "../relay.ts";
import { WebCryptography } from "../sealing/web-cryptography.ts";
import type { Identity } from "../session-identity.ts";
import { type HostsStreams, hostsStreams } from "../stream-host.ts";
import { withTimeLimit } from "../time-limit.ts";
import type { Message, Peer, RequestHandler, Topic, TopicEvents, WaitOptions } from "../topic.ts";
import { publicKeyBytes } from "./key-pair.ts";
import { MemberIdentity } from "./member-identity.ts";

const SALT = utf8("postern-client/1");
const CONNECT_TIMEOUT_MS = 30_000;

/**
 * The topic that a public key names, as far as it is private: what goes to one peer is sealed for that one, and all peers have proved
 * their keys. What goes to all would be sealed by what the public key tells, so there is nothing that does. `streamsOf` takes it.
 */
export type Rendezvous = Pick<
  Topic,
  "self" | "peers" | "send" | "request" | "onRequest" | "messages" | "on" | "leave" | typeof Symbol.asyncDispose
>;

/** A rendezvous with the owner of a key. */
export type Reached = Rendezvous & {
  /** The first of its sessions that was there. Where the key is on several devices, `peers` has all. */
  readonly peer: Peer;
};

/** How the key of another is reached or awaited. */
export type RendezvousOptions = WaitOptions;

/**
 * Waits at the topic of the own key for those who know it: as long as it is not left. Who has no identity, or is not allowed, is not shown.
 * @param options `timeoutMs`: how long the join may take; 30,000 unless it is set.
 * @throws as `relay.join`
 */
export async function accept(
  relay: Pick<Relay, "join">,
  identity: Identity,
  options: RendezvousOptions = {},
): Promise<Rendezvous> {
  const own = memberIdentity(identity);
  const topic = await relay.join({ secret: await secretOf(own.publicKey) }, { ...options, identity: own.narrowed() });
  return new TopicRendezvous(topic);
}

/**
 * Reaches the owner of a key, who is at `accept`, and resolves when it has proved itself.
 * @param options `timeoutMs`: how long it waits for that; 30,000 unless it is set.
 * @throws DeliveryError `timed-out`, `aborted`; TopicError `key-invalid`; as `relay.join`
 */
export async function connectTo(
  relay: Pick<Relay, "join">,
  publicKey: string,
  identity: Identity,
  options: RendezvousOptions = {},
): Promise<Reached> {
  const own = memberIdentity(identity);
  const { timeoutMs = CONNECT_TIMEOUT_MS, signal } = options;
  const topic = await relay.join(
    { secret: await secretOf(publicKey) },
    { timeoutMs, signal, identity: own.narrowed(publicKey) },
  );
  try {
    const peer = await withTimeLimit(systemClock, { timeoutMs, signal }, (limit) => firstPeer(topic, limit));
    return new TopicReached(topic, peer);
  } catch (error) {
    await topic.leave();
    throw error;
  }
}

/** The secret of the topic that a public key names. */
export async function secretOf(publicKey: string): Promise<Uint8Array> {
  const cryptography = new WebCryptography();
  const source = await cryptography.source(publicKeyBytes(publicKey));
  return cryptography.derive(source, SALT, utf8("rendezvous"));
}

function memberIdentity(identity: Identity): MemberIdentity {
  if (identity instanceof MemberIdentity) return identity;
  throw new TopicError("option-invalid", { cause: "identity: made by identityOf of this copy of postern-client" });
}

async function firstPeer(topic: Topic, limit: AbortSignal): Promise<Peer> {
  const { promise, resolve, reject } = Promise.withResolvers<Peer>();
  const stops = [topic.on("join", resolve), topic.on("error", reject)];
  limit.addEventListener("abort", () => reject(limit.reason), { once: true });
  const [first] = topic.peers.values();
  if (first !== undefined) resolve(first);
  try {
    return await promise;
  } finally {
    for (const stop of stops) stop();
  }
}

/** A topic, without what goes to all. */
class TopicRendezvous implements Rendezvous, HostsStreams {
  readonly #topic: Topic & HostsStreams;

  constructor(topic: Topic) {
    if (!hostsStreams(topic))
      throw new TopicError("option-invalid", { cause: "relay: of another copy of postern-client" });
    this.#topic = topic;
  }

  get self(): Peer {
    return this.#topic.self;
  }

  get peers(): ReadonlyMap<string, Peer> {
    return this.#topic.peers;
  }

  get ended(): AbortSignal {
    return this.#topic.ended;
  }

  send(...given: Parameters<Topic["send"]>): Promise<void> {
    return this.#topic.send(...given);
  }

  request(...given: Parameters<Topic["request"]>): Promise<Uint8Array> {
    return this.#topic.request(...given);
  }

  onRequest(handler: RequestHandler): () => void {
    return this.#topic.onRequest(handler);
  }

  messages(options?: Parameters<Topic["messages"]>[0]): AsyncIterableIterator<Message> {
    return this.#topic.messages(options);
  }

  on<Name extends keyof TopicEvents>(name: Name, listener: (event: TopicEvents[Name]) => void): () => void {
    return this.#topic.on(name, listener);
  }

  hostStreams(make: Parameters<HostsStreams["hostStreams"]>[0]): StreamLanes {
    return this.#topic.hostStreams(make);
  }

  leave(): Promise<void> {
    return this.#topic.leave();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.leave();
  }
}

class TopicReached extends TopicRendezvous implements Reached {
  readonly peer: Peer;

  constructor(topic: Topic, peer: Peer) {
    super(topic);
    this.peer = peer;
  }
}
