/**
 * The server name (RFC 6066 section 3) by which `postern health` begins a handshake that it does not end, so that it is not
 * counted among those that failed. RFC 6761 section 6.4: nobody can have a name like this.
 */
export const HEALTH_NAME = "health.postern.invalid";
