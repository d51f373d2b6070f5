/** The wire between clients and relays, as `postern/protocol`: all of this folder but what its files share. */

export * from "./classic-json.ts";
export * from "./close-codes.ts";
export * from "./error-codes.ts";
export * from "./limits.ts";
export * from "./subprotocol.ts";
export * from "./v1-binary.ts";
export * from "./v1-json.ts";
