/** What may be said of one topic. */
export type TopicFigures = {
  readonly name: string;
  readonly memberCount: number;
  readonly messageCount: number;
  readonly byteCount: number;
};

/** The topics with the most members, largest first; one pass, so that a million topics do not get sorted. */
export function largestTopics(topics: Iterable<TopicFigures>, count: number): readonly TopicFigures[] {
  const largest: TopicFigures[] = [];
  for (const topic of topics) {
    const last = largest[count - 1];
    if (last !== undefined && topic.memberCount <= last.memberCount) continue;
    const index = largest.findIndex((other) => other.memberCount < topic.memberCount);
    largest.splice(index === -1 ? largest.length : index, 0, topic);
    largest.length = Math.min(largest.length, count);
  }
  return largest;
}
