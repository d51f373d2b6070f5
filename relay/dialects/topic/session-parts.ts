import type { ConnectionLimits } from "../../../protocol/v1-relay-messages.ts";
import type { Hub } from "../../hub/hub.ts";
import type { TopicTraffic } from "./traffic.ts";

/** What the sessions of this dialect use. One object for all of them. */
export type SessionParts = {
  readonly hub: Hub;
  readonly limits: ConnectionLimits;
  readonly traffic: TopicTraffic;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
};
