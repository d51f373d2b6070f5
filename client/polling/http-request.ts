/** The port to plain HTTP: what the long poll needs of it, whatever the runtime, and whichever way it goes. */

import type { Refusal } from "../line/socket.ts";

/** One request. */
export type HttpQuestion = {
  readonly method: "GET" | "POST";
  /** `https:` or `http:`. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Not to be written to afterwards. */
  readonly body?: Uint8Array<ArrayBuffer> | undefined;
  /** The page may be gone before it is answered: it is sent all the same, where the runtime can. */
  readonly isLast?: boolean | undefined;
  /** Aborted when nobody waits any more. */
  readonly signal: AbortSignal;
};

/** Its answer, whole. */
export type HttpAnswer = {
  readonly status: number;
  /** By lower-case name; undefined where it did not come, or a browser does not show it. */
  readonly header: (name: string) => string | undefined;
  readonly body: Uint8Array;
};

/**
 * Sends a request, and follows no redirection. Rejects where no whole answer comes, with the reason as the runtime tells it; with a
 * RefusedRequest, where the way to the relay is refused.
 */
export type HttpRequest = (question: HttpQuestion) => Promise<HttpAnswer>;

/** The way to the relay is refused, or cannot be gone: a proxy is the reason, or how it is set. */
export class RefusedRequest extends Error {
  readonly refusal: Refusal & Error;

  constructor(refusal: Refusal & Error) {
    super(refusal.message);
    this.refusal = refusal;
  }
}
