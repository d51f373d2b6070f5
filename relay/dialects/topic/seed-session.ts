import { CloseCode } from "../../../protocol/close-codes.ts";
import {
  decodeSeedMessage,
  encodeSeedPresence,
  SEED_CLIENT_DATA_START,
  type SeedMessage,
} from "../../../protocol/seed-json.ts";
import type { Link, Session } from "../../hub/ports.ts";
import { seedEncoding, seedErrorFrame, textFrame, toText } from "./codec.ts";
import { TopicPayload } from "./payload.ts";
import { makeFreePeerId } from "./peer-id.ts";
import type { SessionParts, TopicMember, TopicPeer } from "./session-parts.ts";
import { spliceData } from "./splice.ts";

const DATA_START = new TextEncoder().encode(SEED_CLIENT_DATA_START);

/**
 * A client that knows only the seed's five messages. It is in one topic at a time, what it sends wrong is ignored
 * without a word, and `error` is kept for joins, because its `connect()` closes the socket on any `error`.
 */
export class SeedSession implements Session {
  readonly #parts: SessionParts;
  readonly #peer: TopicPeer;
  #member: TopicMember | undefined;

  constructor(parts: SessionParts, link: Link) {
    this.#parts = parts;
    this.#peer = parts.hub.connect(link);
  }

  get hasJoined(): boolean {
    return this.#member !== undefined;
  }

  /** Takes text or binary, as the seed does, if it holds JSON. */
  receive(bytes: Uint8Array, _isBinary: boolean, isPrintable: boolean): void {
    if (this.#peer.outbox.isClosed) return;
    const spliced = isPrintable && this.#member !== undefined ? spliceData(bytes, DATA_START) : undefined;
    if (spliced === undefined) this.#decode(bytes);
    else this.#publish(TopicPayload.fromJsonText(spliced));
  }

  #decode(bytes: Uint8Array): void {
    const text = toText(bytes);
    const message = text === undefined ? undefined : decodeSeedMessage(text);
    if (message === undefined) return;
    if (message.type === "data") {
      this.#publish(TopicPayload.fromString(message.data));
    } else if (message.type === "join") {
      this.#join(message.topic, message.peerId);
    } else {
      this.#refuseJoin(message.code);
    }
  }

  announceRestart(): void {
    // The seed has no word for it: its clients see close code 1012.
  }

  end(): void {
    this.#parts.hub.disconnect(this.#peer);
  }

  #publish(payload: TopicPayload): void {
    if (this.#member !== undefined) this.#parts.hub.publish(this.#member, payload);
  }

  #join(topicName: string, claimedPeerId: string | undefined): void {
    const { hub, nowMs } = this.#parts;
    const before = this.#member;
    const isSameTopic = before?.topic.name === topicName;
    if (isSameTopic && (claimedPeerId === undefined || claimedPeerId === before.peerId)) return;

    if (before !== undefined) hub.leave(before);
    const peerId = claimedPeerId ?? makeFreePeerId(hub.topic(topicName), nowMs);
    // With a new name in the same topic it knows the others already: naming them again would open them twice.
    this.#member = hub.join(
      this.#peer,
      { topicName, peerId, encoding: seedEncoding },
      isSameTopic ? () => [] : nameOthers,
    );
  }

  /** A missing topic may be put right on the same socket, as with the seed; anything else can never succeed. */
  #refuseJoin(code: Extract<SeedMessage, { type: "join-refused" }>["code"]): void {
    this.#parts.hub.offer(this.#peer, seedErrorFrame(code));
    if (code !== "topic-required") this.#parts.hub.end(this.#peer, CloseCode.policyViolation, code);
  }
}

/** One frame for each member who was there before, in join order: the client's `connect()` waits for the first. */
function* nameOthers(own: TopicMember): Iterable<Uint8Array> {
  for (const member of own.topic.members()) {
    if (member !== own) yield textFrame(encodeSeedPresence("peer-joined", member.peerId, own.topic.name));
  }
}
