import { SUBPROTOCOL_V1 } from "../../../protocol/subprotocol.ts";
import type { Link, Session, SessionConnection } from "../../hub/ports.ts";
import { ClassicSession } from "./classic-session.ts";
import type { SessionParts } from "./session-parts.ts";
import { V1Session } from "./v1-session.ts";

/** Opens the conversation on a new link: v1 for a client that negotiated it, the original's for every other. */
export function openTopicSession(
  parts: SessionParts,
  link: Link,
  subprotocol: string,
  connection: SessionConnection,
): Session {
  return subprotocol === SUBPROTOCOL_V1
    ? new V1Session(parts, link, connection)
    : new ClassicSession(parts, link, connection);
}
