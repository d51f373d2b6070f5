/** The long poll of browsers, Deno, Bun and workerd. Loaded when it is first dialled, so a page can have it in a file of its own. */

import type { Dial } from "../line/socket.ts";
import { fetchRequest } from "./fetch-request.ts";
import { type PollDialParts, pollDial } from "./poll-socket.ts";

/** Dials by the runtime's own `fetch`. */
export function pagePollDial(parts: Omit<PollDialParts, "request">): Dial {
  return pollDial({ ...parts, request: fetchRequest });
}
