/** The package `postern-client/streams`: streams to the peers of a topic, for browsers, Node, Deno and Bun. */

import { DeliveryError } from "./errors.ts";
import { hostsStreams } from "./stream-host.ts";
import type { Streams } from "./streams/peer-stream.ts";
import { TopicStreams } from "./streams/topic-streams.ts";
import type { Topic } from "./topic.ts";

export type * from "./streams/peer-stream.ts";
export { StreamError } from "./streams/stream-error.ts";

/**
 * The streams of a topic: the same object at each call. Until the first call, what peers open is refused with `no-listener`.
 * @throws DeliveryError `plain-topic`; `option-invalid` where the topic is of another copy of this package
 */
export function streamsOf(topic: Pick<Topic, "peers" | "leave">): Streams {
  if (!hostsStreams(topic)) throw new DeliveryError("plain-topic");
  const streams = topic.hostStreams((...parts) => new TopicStreams(topic, ...parts));
  if (streams instanceof TopicStreams) return streams;
  throw new DeliveryError("option-invalid", { cause: "a topic of another copy of postern-client" });
}
