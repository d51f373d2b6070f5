/** The package `postern-client`. */

export * from "./errors.ts";
export type * from "./relay.ts";
export type * from "./topic.ts";
