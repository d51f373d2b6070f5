/**
 * Every WebSocket close code that the relay sends on its own account (RFC 6455 section 7.4).
 * 1002 (protocol error), 1007 (invalid UTF-8) and, for a message in too many fragments or too many bytes, 1008 and 1009
 * come from the frame parser.
 * @see docs/protocol.md#close-codes
 */
export const CloseCode = {
  /** No join in time, or a join that can never succeed. Do not retry unchanged. */
  policyViolation: 1008,
  /** A frame above the relay's frame limit. Do not retry unchanged. */
  messageTooBig: 1009,
  /** The relay met a defect of its own. Retry with back-off. */
  internalError: 1011,
  /** A planned stop. Reconnect after a random delay. */
  serviceRestart: 1012,
  /** The outbox of this connection is full, or a classic client's topic is. Reconnect with back-off. */
  tryAgainLater: 1013,
  /** This connection was congested and drained nothing: it is taken for dead. Reconnect. */
  stalledReader: 4001,
  /** This connection stayed congested for too long: its link is too slow for its topics. Reconnect with back-off. */
  slowReader: 4002,
  /** The token of this connection has expired. Get a new one and reconnect; or renew it in time, with `auth`. */
  grantExpired: 4003,
  /** This connection has no token that permits what it asked for. Do not retry unchanged. */
  unauthorized: 4004,
  /** The token of this connection, or its subject, was revoked. Do not retry. */
  grantRevoked: 4005,
} as const;

/** One of the codes above. */
export type CloseCode = (typeof CloseCode)[keyof typeof CloseCode];
