import type { ConnectionLimits } from "../../../protocol/v1-relay-messages.ts";
import type { Hub } from "../../hub/hub.ts";
import type { Peer } from "../../hub/peer.ts";
import type { MemberIdentity, TurnTime } from "../../hub/ports.ts";
import type { Member } from "../../hub/topic.ts";
import type { SessionConnection } from "../../session/ports.ts";
import type { Mailboxes } from "../../store/mailboxes.ts";
import type { DepositRules } from "./deposit-rules.ts";
import type { TopicTraffic } from "./traffic.ts";

/** Whose connection a peer is: for those who want its name. */
export class PeerConnections {
  readonly #byPeer = new WeakMap<Peer<Member>, SessionConnection>();

  add(peer: Peer<Member>, connection: SessionConnection): void {
    this.#byPeer.set(peer, connection);
  }

  of(peer: Peer<Member>): SessionConnection | undefined {
    return this.#byPeer.get(peer);
  }
}

/** The secrets that prove a membership to this relay. Implemented by relay/auth/takeovers.ts. */
interface TakeoverSecrets {
  secretOf(member: Pick<MemberIdentity, "topicHandle" | "peerHandle">): string;
  /** @returns the peerHandle whose secret in this topic this is; undefined: nobody's. */
  provedBy(secret: string, topicHandle: number): number | undefined;
}

/** What the sessions of this dialect use. One object for all of them. */
export type SessionParts = {
  readonly hub: Hub;
  readonly limits: ConnectionLimits & { readonly maxPayloadBytes: number };
  /** What clients may reach the relay by beside a WebSocket, in the words of `features`. Left out: by nothing. */
  readonly linkFeatures?: readonly string[] | undefined;
  /** How often a connection is pinged. */
  readonly pingIntervalMs: number;
  readonly traffic: TopicTraffic;
  readonly connections: PeerConnections;
  /** The relay's turn clock. */
  readonly time: Pick<TurnTime, "nowMs">;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
  readonly takeovers: TakeoverSecrets;
  /** Undefined where the relay keeps none. */
  readonly mailboxes?: Mailboxes | undefined;
  /** The relay's word for the certificate that it serves now, as base64url; undefined, or left out: it has none. */
  readonly attestation?: (() => string | undefined) | undefined;
  /** Who may deposit into which; undefined with them. */
  readonly depositRules: DepositRules | undefined;
};
