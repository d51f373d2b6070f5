import type { ConnectionLimits } from "../../../protocol/v1-json.ts";
import type { Hub } from "../../hub/hub.ts";

/** What the sessions of this dialect use. One object for all of them. */
export type SessionParts = {
  readonly hub: Hub;
  readonly limits: ConnectionLimits;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
};
