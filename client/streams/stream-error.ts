import { PosternError } from "../errors.ts";
import type { AbortReason } from "./peer-stream.ts";

/** A stream was aborted, by the peer or by this app: `stream-aborted`. */
export class StreamError extends PosternError {
  override readonly name: string = "StreamError";
  /** The number that the app gave which aborted it; 0 where it gave none. */
  readonly reasonCode: number;
  /** Its sentence; empty where it gave none. */
  readonly reason: string;

  constructor({ reasonCode = 0, reason = "" }: AbortReason) {
    super("stream-aborted", { cause: reason });
    this.reasonCode = reasonCode;
    this.reason = reason;
  }
}
