/** The package `postern-client/streams`: streams to the peers of a topic, for browsers, Node, Deno and Bun. */

import { DeliveryError } from "./errors.ts";
import type { HostsStreams } from "./stream-host.ts";
import type { Streams } from "./streams/peer-stream.ts";
import { TopicStreams } from "./streams/topic-streams.ts";
import type { Topic } from "./topic.ts";

export type * from "./streams/peer-stream.ts";
export { StreamError } from "./streams/stream-error.ts";

/**
 * The streams of a topic: the same object at each call. Until the first call, what peers open is refused with `no-listener`.
 * @throws DeliveryError `plain-topic`
 */
export function streamsOf(topic: Topic): Streams {
  const hosting = topic as Topic & Partial<HostsStreams>;
  const streams = hosting.hostStreams?.((host, shared) => new TopicStreams(host, shared));
  if (!(streams instanceof TopicStreams)) throw new DeliveryError("plain-topic");
  return streams;
}
