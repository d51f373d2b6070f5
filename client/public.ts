/** What both entry points of `postern-client` have, beside `connect`. */

export * from "./errors.ts";
export type * from "./relay.ts";
export type { SealedTopicName } from "./sealing/derivation.ts";
export { newSecret, type Secret, secretFromPassphrase } from "./sealing/secret.ts";
export { topicIdOf } from "./sealing/topic-id.ts";
export type * from "./topic.ts";
