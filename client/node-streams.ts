/** The package `postern-client/node-streams`: streams to peers as Node has them. */

import type { Duplex } from "node:stream";
import type { PeerStream } from "./streams/peer-stream.ts";

/** How the Duplex behaves. */
export type DuplexOptions = {
  /** False: `end` is called when the peer has ended. True unless it is set. */
  readonly allowHalfOpen?: boolean | undefined;
};

/**
 * A stream as a Duplex of Node, which is the only one to read and write it from then on. `end()` ends the own direction, and
 * `finish` comes when the peer's library has everything; `end` comes when the peer has ended. `destroy()` before both aborts the
 * stream, with the sentence of the error that it is given, and with its `reasonCode` where it has one. What a StreamError or a
 * DeliveryError ends is destroyed with it.
 */
export function toDuplex(stream: PeerStream, options: DuplexOptions = {}): Duplex {
  throw new Error(`not yet: ${stream.label} ${options.allowHalfOpen}`);
}
