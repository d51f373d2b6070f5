import { CloseCode } from "../../../protocol/close-codes.ts";
import type { Hub } from "../../hub/hub.ts";
import type { Peer } from "../../hub/peer.ts";
import type { Link } from "../../hub/ports.ts";
import type { Member } from "../../hub/topic.ts";
import { closeFor, NOT_PERMITTED_CLOSE } from "../../session/access-closes.ts";
import { BytesPayload } from "../../session/payload.ts";
import type { Close, Ending, Session, SessionConnection } from "../../session/ports.ts";
import type { VerbatimTraffic } from "./verbatim-traffic.ts";

/** Why a client may not be here, or not do what it does. */
type Refusal = "unauthorized" | "not-permitted" | "topic-full";

const CLOSES: Readonly<Record<Refusal, Close>> = {
  unauthorized: closeFor("missing"),
  "not-permitted": NOT_PERMITTED_CLOSE,
  "topic-full": { code: CloseCode.tryAgainLater, reason: "topic-full" },
};

/** What a session is made with. */
export type VerbatimParts = {
  readonly hub: Hub;
  readonly traffic: VerbatimTraffic;
  /** Whether a message is passed on; left out: all are. The bytes are good during the call alone. */
  readonly isTaken?: ((message: Uint8Array) => boolean) | undefined;
};

/** The topic of a session. */
export type VerbatimTopic = {
  /** As the hub knows it: scoped to its dialect. */
  readonly topicName: string;
  /** As grants and the access log know it. */
  readonly publicName: string;
};

/**
 * A connection that is a member of one topic from its first moment to its last. Its clients have no word for a refusal, so
 * whoever may not be here sees a close.
 */
export class VerbatimSession implements Session {
  readonly #parts: VerbatimParts;
  readonly #connection: SessionConnection;
  readonly #peer: Peer<Member>;
  #member: Member | undefined;

  constructor(parts: VerbatimParts, link: Link, connection: SessionConnection) {
    this.#parts = parts;
    this.#connection = connection;
    this.#peer = parts.hub.connect(link);
  }

  /** A client that says nothing may be one that listens: it joined by coming. */
  get hasJoined(): boolean {
    return true;
  }

  get peer(): Peer<Member> {
    return this.#peer;
  }

  /** Why it may not be a member: its grant is that of its upgrade. Undefined: it may. */
  refusalOf({ topicName, publicName }: VerbatimTopic): Refusal | undefined {
    const { access } = this.#connection;
    if (!access.isGranted) return "unauthorized";
    if (!access.mayJoin(publicName)) return "not-permitted";
    return this.#parts.hub.isFull(topicName) ? "topic-full" : undefined;
  }

  /** Makes it a member, or ends the connection where it may not be one. */
  join(topic: VerbatimTopic): void {
    const refusal = this.refusalOf(topic);
    if (refusal !== undefined) {
      this.turnAway(refusal);
      return;
    }
    const { hub, traffic } = this.#parts;
    this.#connection.access.whenEnded((why) => this.#connection.end(closeFor(why)));
    // Nobody is told it.
    const peerId = this.#connection.requestId;
    const { topicName, publicName } = topic;
    this.#member = hub.join(this.#peer, { topicName, peerId, encoding: traffic.encoding }, undefined);
    this.#connection.joined(publicName);
  }

  /** Ends the connection: its client may not do this. */
  turnAway(why: Refusal): void {
    this.#parts.traffic.reject(why);
    if (why === "unauthorized") this.#connection.access.denied();
    this.#connection.end(CLOSES[why]);
  }

  receive(message: Uint8Array, isBinary: boolean): void {
    const { hub, traffic, isTaken } = this.#parts;
    if (this.#member === undefined || this.#peer.isOver) return;
    traffic.received.add(1, message.length);
    if (!this.#connection.access.mayPublish) this.turnAway("not-permitted");
    else if (isTaken?.(message) === false) traffic.reject("bad-message");
    else hub.publish(this.#member, BytesPayload.verbatim(message, isBinary ? "binary" : "text"));
  }

  announceRestart(): void {
    // Its clients have no word for it: they see close code 1012.
  }

  refuseNew(): void {
    // Nor for this: what they send is taken to the end.
  }

  hearOut(): void {
    this.#parts.hub.stopDelivering(this.#peer);
  }

  end(how: Ending): void {
    this.#parts.hub.disconnect(this.#peer, how);
  }
}
