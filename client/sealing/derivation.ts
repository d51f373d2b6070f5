import { toBase64url } from "../base64url.ts";
import { utf8 } from "../data.ts";
import type { Cryptography } from "./cryptography.ts";
import { type Secret, secretBytes } from "./secret.ts";

/** Everything is derived under this: another version has other topics. */
const SALT = utf8("postern-client/1");

/** A topic that is sealed by a secret. */
export type SealedTopicName = {
  readonly secret: Secret;
  /** Tells the topics of one secret apart: any text, the same for all members; empty unless it is set. */
  readonly name?: string | undefined;
};

/** What a secret gives for one topic. The keys of connections are derived from the two sources. */
export type TopicKeys<Source = unknown> = {
  /** The topic as the relay knows it: 43 characters of base64url. It tells nothing of the secret. */
  readonly topicId: string;
  readonly group: Source;
  readonly presence: Source;
};

/** @throws TopicError `secret-invalid` */
export async function deriveTopic<Source>(
  cryptography: Cryptography<Source>,
  { secret, name = "" }: SealedTopicName,
): Promise<TopicKeys<Source>> {
  const source = await cryptography.source(secretBytes(secret));
  const derive = (label: string): Promise<Uint8Array> | Uint8Array =>
    cryptography.derive(source, SALT, utf8(`${label}\0${name}`));
  return {
    topicId: toBase64url(await derive("topic")),
    group: await cryptography.source(await derive("group")),
    presence: await cryptography.source(await derive("presence")),
  };
}
