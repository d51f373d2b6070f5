import type { Visit } from "../../relay/session/ports.ts";

/** The visit of a client that is never held back. */
export const noVisit: Visit = {
  isIgnored: () => false,
  refused: () => 0,
  granted: () => undefined,
  joined: () => undefined,
  ended: () => undefined,
};
