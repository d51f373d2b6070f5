import { DeliveryError, type ErrorTexts, PosternError, type StreamErrorCode } from "../errors.ts";
import type { AbortReason } from "./peer-stream.ts";

/** The codes about streams, as `errorTexts` has the others. @see docs/client.md#errors */
export const streamErrorTexts: Readonly<Record<StreamErrorCode, ErrorTexts>> = {
  "no-listener": ["Nobody there takes such a stream", "Call onStream there."],
  "too-many-streams": ["Too many streams are open", "End some."],
  "stream-aborted": ["One side has aborted the stream", "See reasonCode and the cause."],
};

/** A stream was aborted, by the peer or by this app: `stream-aborted`. */
export class StreamError extends PosternError {
  override readonly name: string = "StreamError";
  /** The number that the app gave which aborted it; 0 where it gave none. */
  readonly reasonCode: number;
  /** Its sentence; empty where it gave none. */
  readonly reason: string;

  constructor({ reasonCode = 0, reason = "" }: AbortReason) {
    super("stream-aborted", { cause: reason, texts: streamErrorTexts["stream-aborted"] });
    this.reasonCode = reasonCode;
    this.reason = reason;
  }
}

/** Why no stream comes about. */
export function streamRefusal(code: Exclude<StreamErrorCode, "stream-aborted"> | "peer-gone"): DeliveryError {
  return new DeliveryError(code, code === "peer-gone" ? {} : { texts: streamErrorTexts[code] });
}
