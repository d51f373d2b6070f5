import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { PollLink } from "./poll-link.ts";

/** What a request is answered by that is refused. */
export type PollRefusal = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};

/** What became of the first request. `gone`: its client is not there any more. */
export type Opened =
  | { readonly outcome: "opened"; readonly link: PollLink; readonly requestId: string }
  | { readonly outcome: "refused"; readonly answer: PollRefusal; readonly delayMs: number }
  | { readonly outcome: "gone" };

/** Lets clients in. Implemented by relay/entrance/poll-opening.ts. */
export interface Openings {
  /** Never rejects. @param onEnd called once, when nothing is left of the connection that was opened. */
  open(request: IncomingMessage, onEnd: () => void): Opened | Promise<Opened>;
}

/** The places of connections among those of HTTP. Implemented by relay/entrance/connection-gate.ts. */
export interface Places {
  /** The connection is a client's that polls from now on, and counts as one of its own. */
  polls(socket: Socket): void;
  /** It is one of plain HTTP again. */
  pollsNoMore(socket: Socket): void;
}
