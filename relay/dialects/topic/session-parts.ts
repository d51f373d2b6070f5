import type { ConnectionLimits } from "../../../protocol/v1-json.ts";
import type { Hub } from "../../hub/hub.ts";
import type { Member, Peer } from "../../hub/peer.ts";
import type { TopicPayload } from "./payload.ts";
import type { TopicTraffic } from "./traffic.ts";

type TopicHub = Hub<TopicPayload>;
/** A connection of this dialect, as the hub knows it. */
export type TopicPeer = Peer<TopicPayload>;
/** Such a peer in one topic. */
export type TopicMember = Member<TopicPayload>;

/** What the sessions of this dialect use. One object for all of them. */
export type SessionParts = {
  readonly hub: TopicHub;
  readonly limits: ConnectionLimits;
  readonly traffic: TopicTraffic;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
};
