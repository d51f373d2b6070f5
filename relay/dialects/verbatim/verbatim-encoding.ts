import type { Encoding, HubEvent } from "../../hub/ports.ts";
import { messageFrameAround } from "../../wire/message-frame.ts";

const NOTHING = new Uint8Array(0);

/**
 * Writes a message as its sender wrote it, text as text and binary as binary, and nothing else: nobody is told who comes
 * and goes. Each kind of client has one of its own, by which its deliveries are counted.
 */
export class VerbatimEncoding implements Encoding {
  takes(): boolean {
    return false;
  }

  isAlikeForAll(): boolean {
    return true;
  }

  encode(event: HubEvent): Uint8Array {
    if (event.type !== "data") throw new TypeError(`no word for ${event.type}: ask first`);
    const { payload } = event;
    return messageFrameAround(payload.isText ? "text" : "binary", NOTHING, payload.asSent());
  }
}
