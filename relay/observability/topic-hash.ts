import { createHmac, randomBytes } from "node:crypto";

const SHOWN_CHARACTERS = 12;

/**
 * Makes the short hash under which a topic appears in logs. Keyed with bytes that only this process knows, because
 * topic names are secrets and a plain hash of a guessable one could be looked up. So it is the same topic for the same
 * hash within one run, and says nothing across runs.
 */
export function createTopicHash(key: Uint8Array = randomBytes(32)): (topicName: string) => string {
  return (topicName) => createHmac("sha256", key).update(topicName).digest("hex").slice(0, SHOWN_CHARACTERS);
}
