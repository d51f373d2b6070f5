import type { Socket } from "node:net";
import { MAX_TOLD_REFUSALS, TOLD_REFUSAL_FRAME_BYTES, TOLD_REFUSAL_MS } from "../limits/told-refusal-limits.ts";
import type { Close, LinkOwner } from "../session/ports.ts";
import { type LinkOptions, type LinkParts, WebSocketLink } from "../websocket/link.ts";

/** What is said to one of them. */
export type Farewell = {
  readonly close: Close;
  /** The frame before the close, where its dialect has a word for it. */
  readonly lastWord: Uint8Array | undefined;
};

/**
 * WebSockets that are opened only to be closed with the reason: browsers show a page no answer to an upgrade, but 1006.
 * There are few of them, for a second each; none is a connection of the relay, and what they send is not looked at.
 */
export class ToldRefusals {
  readonly #parts: LinkParts;
  readonly #options: LinkOptions;
  readonly #links = new Set<WebSocketLink>();

  constructor(parts: LinkParts, options: LinkOptions) {
    this.#parts = parts;
    this.#options = { ...options, maxFrameBytes: TOLD_REFUSAL_FRAME_BYTES, closeTimeoutMs: TOLD_REFUSAL_MS };
  }

  /** Whether there may be one more. */
  get hasRoom(): boolean {
    return this.#links.size < MAX_TOLD_REFUSALS;
  }

  /** Takes a socket whose handshake was accepted. @param head what came with the request. */
  tell(socket: Socket, head: Buffer, { close, lastWord }: Farewell): void {
    const link = new WebSocketLink(this.#parts, socket, this.#options);
    this.#links.add(link);
    const owner: LinkOwner = { receive: ignore, hungUp: ignore, ended: () => void this.#links.delete(link) };
    // Closed before it reads: a fault in what it has sent already must not take the place of the reason.
    if (lastWord !== undefined) link.send(lastWord);
    link.close(close.code, close.reason);
    link.attach(owner, head);
  }

  /** Ends those that are left. */
  stop(): void {
    for (const link of this.#links) link.terminate();
  }
}

/** Nobody listens to who is refused. */
function ignore(): void {
  // Nothing to do.
}
