/** The wire between clients and relays, as `postern/protocol`: all of this folder but what its files share. */

export * from "./attestation.ts";
export * from "./classic-client-messages.ts";
export * from "./classic-relay-messages.ts";
export * from "./close-codes.ts";
export * from "./error-codes.ts";
export type { Unreadable } from "./json-message.ts";
export * from "./json-structure.ts";
export * from "./limits.ts";
export * from "./polling.ts";
export * from "./subprotocol.ts";
export * from "./v1-binary.ts";
export * from "./v1-client-messages.ts";
export * from "./v1-mailbox-messages.ts";
export * from "./v1-relay-messages.ts";
