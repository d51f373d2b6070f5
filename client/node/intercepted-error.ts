import type { Refusal } from "../line/socket.ts";

/** Somebody intercepts TLS, or a relay whose key is known does not prove that nobody does; and the app does not want that. */
export class InterceptedError extends Error implements Refusal {
  override readonly name = "InterceptedError";
  readonly code = "intercepted";
  readonly status = undefined;
  readonly retryAfterMs = undefined;
}
