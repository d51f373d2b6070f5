import type { ConnectionLimits } from "../../../protocol/v1-json.ts";
import type { Hub } from "../../hub/hub.ts";
import type { Member, Peer } from "../../hub/peer.ts";
import type { TopicPayload } from "./payload.ts";
import type { TopicTraffic } from "./traffic.ts";

/** The hub, a peer and a member of this dialect. */
type TopicHub = Hub<TopicPayload>;
export type TopicPeer = Peer<TopicPayload>;
export type TopicMember = Member<TopicPayload>;

/** What the sessions of this dialect use. One object for all of them. */
export type SessionParts = {
  readonly hub: TopicHub;
  readonly limits: ConnectionLimits;
  readonly traffic: TopicTraffic;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
};
