import { isData, isPeerId, isSentence, isTopic } from "./fields.ts";
import { type MessageTable, readMessage, type Unreadable, writeMessage } from "./json-message.ts";

/**
 * What the relay says to a client without the `postern.v1` subprotocol, as JSON text.
 * @see docs/protocol.md#classic-messages
 */
export type ClassicRelayMessage =
  /** Another member came, or was there before. */
  | { readonly type: "peer-joined"; readonly peerId: string; readonly topic: string }
  | { readonly type: "peer-left"; readonly peerId: string; readonly topic: string }
  /** From another member. It names no topic: a classic client is in one. */
  | { readonly type: "data"; readonly peerId: string; readonly data: string }
  /** A sentence for people: the join failed. Send no other `error`: classic clients close the socket on any. */
  | { readonly type: "error"; readonly payload: string };

/** The order of the fields is the original's: some clients search the text. */
const messages: MessageTable<ClassicRelayMessage> = {
  "peer-joined": { peerId: isPeerId, topic: isTopic },
  "peer-left": { peerId: isPeerId, topic: isTopic },
  data: { peerId: isPeerId, data: isData },
  error: { payload: isSentence },
};

/** Reads one frame of the relay. Never throws. The largest message that is read is for the caller to bound. */
export function decodeClassicRelayMessage(text: string): ClassicRelayMessage | Unreadable {
  return readMessage(messages, text);
}

/** Writes a message to a classic client. */
export function encodeClassicRelayMessage(message: ClassicRelayMessage): string {
  return writeMessage(messages, message);
}

/** What every `data` from a peer begins with, up to and with the quote that opens the payload; behind it comes `"}`. */
export function classicDataStart({ peerId }: { readonly peerId: string }): string {
  return `{"type":"data","peerId":${JSON.stringify(peerId)},"data":"`;
}
