/** The name that is dialled, and where it is. */
export const RELAY_NAME = "relay.test";
export const RELAY_ADDRESS = "10.216.0.1";
/** Where the programs of a box listen: a proxy that is asked, and one to which TLS is redirected. */
export const PROXY_PORT = 3128;
export const INTERCEPT_PORT = 8443;
