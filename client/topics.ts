/** What topics are made of: most of the client. Loaded by the first `join`, so a page can have it in a file of its own. */

import { isTopic } from "../protocol/fields.ts";
import { ClearPassage } from "./clear-passage.ts";
import type { Clock } from "./clock.ts";
import { TopicError } from "./errors.ts";
import { NumberedTopic } from "./numbered-topic.ts";
import type { OpenPassage } from "./passage.ts";
import { type OpenLine, PlainTopic } from "./plain-topic.ts";
import type { JoinOptions } from "./relay.ts";
import type { Cryptography } from "./sealing/cryptography.ts";
import { deriveTopic, type SealedTopicName } from "./sealing/derivation.ts";
import { SealedPassage } from "./sealing/sealed-passage.ts";
import { GroupSeals } from "./sealing/seals.ts";

/** What topics need of their client. */
export type TopicParts = {
  readonly clock: Clock;
  readonly cryptography: Cryptography;
  /** How much of what was broadcast is kept for those who miss it. */
  readonly resendBufferBytes: number;
  /** Joins a plain topic on one relay. */
  readonly openPlain: (name: string, ...line: Parameters<OpenLine>) => ReturnType<OpenLine>;
};

/** A topic that was asked for: its name as the relay knows it, and what makes it, to be called once. */
export type AskedTopic = { readonly name: string; readonly open: () => NumberedTopic | PlainTopic };

/** Prepares a topic for `join`. */
export type PrepareTopic = typeof prepareTopic;

/**
 * Checks what `join` was asked for, and derives its keys. Nothing is said to a relay.
 * @throws TopicError `topic-invalid`, `option-invalid`, `secret-invalid`, `no-cryptography`, `identity-unsupported`
 */
export async function prepareTopic(
  parts: TopicParts,
  asked: string | SealedTopicName,
  options: JoinOptions,
): Promise<AskedTopic> {
  const { clock, cryptography, resendBufferBytes } = parts;
  const { presence, peerId } = options;
  const keys = typeof asked === "string" ? undefined : await deriveTopic(cryptography, asked);
  if (keys === undefined && options.identity !== undefined) throw invalid("identity: the topic has no secret");
  const identity = keys && (await options.identity?.begin(cryptography, keys));
  const name = keys?.topicId ?? asked;
  if (!isTopic(name)) throw new TopicError("topic-invalid");
  if (options.plain === true) {
    if (keys !== undefined) throw invalid("a plain topic is not sealed");
    if (presence !== undefined) throw invalid("a plain topic has no presence");
    return { name, open: () => new PlainTopic(name, (...line) => parts.openPlain(name, ...line), peerId) };
  }
  // A name of the app's own would be a second identity beside the session.
  if (peerId !== undefined) throw invalid("peerId is for plain topics");
  const seals = identity?.seals ?? (keys && new GroupSeals(cryptography, keys));
  const openPassage: OpenPassage = (passage) =>
    seals === undefined ? new ClearPassage(passage) : new SealedPassage({ ...passage, clock, seals });
  return { name, open: () => new NumberedTopic(name, { clock, resendBufferBytes, openPassage, presence, identity }) };
}

function invalid(cause: string): TopicError {
  return new TopicError("option-invalid", { cause });
}
