/** What both entry points of `postern-client` have, beside `connect`. */

export * from "./errors.ts";
export type * from "./relay.ts";
export type * from "./topic.ts";
