/**
 * The WebSocket subprotocol (RFC 6455 section 1.9) that a client offers to get the additive messages.
 * A client that does not offer it is a classic client.
 */
export const SUBPROTOCOL_V1 = "postern.v1";

/**
 * How a token is offered as one more subprotocol, for clients that cannot set headers: this, then the token. The relay
 * reads it and never chooses it, because the answer would repeat the token.
 */
export const TOKEN_SUBPROTOCOL_PREFIX = "postern.token.";
