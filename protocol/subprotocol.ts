/**
 * The WebSocket subprotocol (RFC 6455 section 1.9) that a client offers to get the additive messages.
 * A client that does not offer it is a seed client.
 */
export const SUBPROTOCOL_V1 = "postern.v1";
