import { onTestFinished } from "vitest";
import { connect } from "../../client/node.ts";
import type { ConnectOptions } from "../../client/relay.ts";
import { type Streams, streamsOf } from "../../client/streams.ts";
import type { Topic } from "../../client/topic.ts";

/** Two members of one topic, each on a connection of its own, who see each other. */
export type TopicPair = {
  readonly anna: Topic;
  readonly bert: Topic;
  readonly annas: Streams;
  readonly berts: Streams;
};

/** Joins them. They leave with the test. */
export async function topicPair(url: string, options: ConnectOptions): Promise<TopicPair> {
  const [anna, bert] = (await Promise.all(
    [0, 1].map(() => {
      const relay = connect(url, options);
      onTestFinished(() => relay.close());
      return relay.join("topic");
    }),
  )) as [Topic, Topic];
  await Promise.all([seen(anna), seen(bert)]);
  return { anna, bert, annas: streamsOf(anna), berts: streamsOf(bert) };
}

/** Resolves when another member is there. */
function seen(topic: Topic): Promise<void> {
  return new Promise((resolve) => {
    if (topic.peers.size > 0) resolve();
    else topic.on("join", () => resolve());
  });
}

/** All that comes, in one piece. */
export async function readAll(readable: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of readable) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** Writes text, and ends. Resolves when it has arrived. */
export async function writeAll(writable: WritableStream<Uint8Array>, text: string): Promise<void> {
  const writer = writable.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
}
