import { type ErrorCode, errorSentences } from "../../../protocol/error-codes.ts";
import { Counter, wordsOf } from "../../counter.ts";
import { Traffic } from "../../hub/traffic.ts";

/** What the sessions of this dialect took from their clients, one count for all of them: messages of every type, whole. */
export class TopicTraffic {
  readonly classic: Traffic = new Traffic();
  readonly v1Json: Traffic = new Traffic();
  readonly v1Binary: Traffic = new Traffic();
  readonly #rejected = new Counter<ErrorCode>(wordsOf(errorSentences));

  /** A message was not taken. */
  reject(code: ErrorCode): void {
    this.#rejected.add(code);
  }

  /** Messages that were not taken, by reason; also those reasons that never came. */
  rejected(): Readonly<Record<ErrorCode, number>> {
    return this.#rejected.read();
  }
}
