import { MAX_TOPIC_BYTES } from "../../protocol/limits.ts";

/** With one character more, a name is longer than any that a client of the topic dialect may give. */
const BEYOND = "\0".repeat(MAX_TOPIC_BYTES);

/**
 * Under what name the hub knows a topic of another dialect than `topic`: out of reach for clients of that one, whatever they
 * write, and different for each dialect. So topics of different dialects never meet.
 */
export function scopedTopicName(dialect: string, name: string): string {
  return `${BEYOND}${dialect}\0${name}`;
}
