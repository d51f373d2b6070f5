/**
 * Every WebSocket close code that the relay sends on its own account (RFC 6455 section 7.4).
 * 1002 (protocol error) and 1007 (invalid UTF-8) come from the WebSocket layer below.
 * @see docs/protocol.md#close-codes
 */
export const CloseCode = {
  /** A binary frame where this protocol has none. Do not retry unchanged. */
  unsupportedData: 1003,
  /** No join in time, or a join that can never succeed. Do not retry unchanged. */
  policyViolation: 1008,
  /** A frame above the relay's frame limit. Do not retry unchanged. */
  messageTooBig: 1009,
  /** The relay met a defect of its own. Retry with back-off. */
  internalError: 1011,
  /** A planned stop. Reconnect after a random delay. */
  serviceRestart: 1012,
  /** The outbox of this connection is full: it reads too slowly. Reconnect with back-off. */
  tryAgainLater: 1013,
} as const;

/** One of the codes above. */
export type CloseCode = (typeof CloseCode)[keyof typeof CloseCode];
