/**
 * Every WebSocket close code that the relay sends on its own account (RFC 6455 section 7.4).
 * 1002 (protocol error), 1007 (invalid UTF-8) and, for a message in too many fragments or too many bytes, 1008 and 1009
 * come from the frame parser.
 * @see docs/protocol.md#close-codes
 */
export const CloseCode = {
  /** It is over as it should be: the other half of a pair has left. */
  normalClosure: 1000,
  /** No join in time, or a join that can never succeed. */
  policyViolation: 1008,
  /** A frame above the relay's frame limit. */
  messageTooBig: 1009,
  /** The relay met a defect of its own. */
  internalError: 1011,
  /** A planned stop. */
  serviceRestart: 1012,
  /** The outbox of this connection is full, or a classic client's topic is; or what was refused may be had later. */
  tryAgainLater: 1013,
  /** This connection was congested and drained nothing: it is taken for dead. */
  stalledReader: 4001,
  /** This connection stayed congested for too long: its link is too slow for its topics. */
  slowReader: 4002,
  /** The token of this connection has expired. */
  grantExpired: 4003,
  /** This connection has no token that permits what it asked for. */
  unauthorized: 4004,
  /** The token of this connection, or its subject, was revoked. */
  grantRevoked: 4005,
  /** The same client is back on another connection, and has proved it with `takeover`. */
  takenOver: 4006,
} as const;

/** One of the codes above. */
export type CloseCode = (typeof CloseCode)[keyof typeof CloseCode];

/**
 * Whether a client that did not end the connection itself is to dial again.
 * - `now`: at once; with 1012 after a random time within `reconnectWithinMs`, with 4003 with a new token. A connection
 *   that has lasted for a few seconds only is a reason for back-off all the same.
 * - `back-off`: after a random time whose bound grows with each attempt.
 * - `never`: not before something has changed, such as the client, its message or its token.
 */
export type Reconnect = "now" | "back-off" | "never";

/** After these: at once. As numbers, so that a client which needs no names carries none. */
const AT_ONCE: ReadonlySet<number> = new Set([1012, 4001, 4003]);
const NEVER: ReadonlySet<number> = new Set([1000, 1002, 1007, 1008, 1009, 4004, 4005, 4006]);

/** Whether to dial again after a close with this code. One that is not in the table is a reason for back-off. */
export function reconnectAfter(code: number): Reconnect {
  if (AT_ONCE.has(code)) return "now";
  return NEVER.has(code) ? "never" : "back-off";
}

/** One code that a client may see. Of the relay's own codes the name is also the word in metrics and in the access log. */
type CloseCodeEntry = { readonly code: number; readonly name: string; readonly reconnect: Reconnect };

/**
 * What a client may see when a connection ends, by code: the codes above and those of others. 1005 and 1006 are never
 * sent: a WebSocket reports them where there was no code, or no close frame (RFC 6455 section 7.4.1).
 */
export const closeCodes: readonly CloseCodeEntry[] = [
  entry(1000, "normal-closure"),
  // A proxy says it when its configuration changes.
  entry(1001, "going-away"),
  entry(1002, "protocol-error"),
  entry(1005, "no-code"),
  entry(1006, "no-close-frame"),
  entry(1007, "invalid-data"),
  entry(1008, "policy-violation"),
  entry(1009, "message-too-big"),
  entry(1011, "internal-error"),
  entry(1012, "service-restart"),
  entry(1013, "try-again-later"),
  entry(4001, "stalled-reader"),
  entry(4002, "slow-reader"),
  entry(4003, "grant-expired"),
  entry(4004, "unauthorized"),
  entry(4005, "grant-revoked"),
  entry(4006, "taken-over"),
];

/* @__NO_SIDE_EFFECTS__ */
function entry(code: number, name: string): CloseCodeEntry {
  return { code, name, reconnect: reconnectAfter(code) };
}
