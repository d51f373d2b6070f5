/** What may be said of one topic. */
export type TopicFigures = {
  readonly name: string;
  readonly memberCount: number;
  readonly messageCount: number;
  readonly byteCount: number;
};

/** The topics with the most members, largest first. */
export function largestTopics<T extends TopicFigures>(topics: Iterable<T>, count: number): readonly T[] {
  return topicsWithMost(topics, count, ({ memberCount }) => memberCount);
}

/** What may be said of a topic some of whose members have no room. */
export type CongestedTopicFigures = TopicFigures & {
  readonly slowReaderCount: number;
  readonly heldMessageCount: number;
  readonly heldByteCount: number;
};

/** The topics for which something is held at senders, the most first. */
export function congestedTopics<T extends CongestedTopicFigures>(topics: Iterable<T>, count: number): readonly T[] {
  return topicsWithMost(topics, count, ({ heldByteCount }) => heldByteCount);
}

/** One pass, so that a million topics do not get sorted. Those of which there is nothing are left out. */
function topicsWithMost<T>(topics: Iterable<T>, count: number, sizeOf: (topic: T) => number): readonly T[] {
  const largest: { readonly topic: T; readonly size: number }[] = [];
  for (const topic of topics) {
    const size = sizeOf(topic);
    if (size <= (largest[count - 1]?.size ?? 0)) continue;
    const index = largest.findIndex((other) => other.size < size);
    largest.splice(index === -1 ? largest.length : index, 0, { topic, size });
    largest.length = Math.min(largest.length, count);
  }
  return largest.map(({ topic }) => topic);
}
