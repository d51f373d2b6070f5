import type { Logger } from "pino";
import type { Clock, Timer } from "../clock.ts";
import type { HubCounts } from "../hub/hub-counts.ts";
import { largestTopics, type TopicFigures } from "./largest-topics.ts";

/** How many topics a report names by hash. */
const LARGEST_TOPICS = 5;

/** What the report uses. */
export type StatisticsParts = {
  readonly clock: Clock;
  readonly hub: { counts(): HubCounts; topics(): Iterable<TopicFigures> };
  readonly log: Logger;
  readonly hashTopic: (topicName: string) => string;
  readonly connectionCount: () => number;
};

/** Logs, every interval, how many use the relay and which topics are the largest, by hash. */
export class Statistics {
  readonly #parts: StatisticsParts;
  #timer: Timer | undefined;

  constructor(parts: StatisticsParts) {
    this.#parts = parts;
  }

  start(intervalMs: number): void {
    this.#timer = this.#parts.clock.every(intervalMs, () => this.report());
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** Logs one report. `messages` and `bytes` count since the start of the relay, or of the topic. */
  report(): void {
    const { hub, log, hashTopic, connectionCount } = this.#parts;
    const { topics, peers, messages, bytes } = hub.counts();
    const largest = largestTopics(hub.topics(), LARGEST_TOPICS).map((topic) => ({
      topic: hashTopic(topic.name),
      members: topic.memberCount,
      messages: topic.messageCount,
      bytes: topic.byteCount,
    }));
    log.info({ topics, peers, connections: connectionCount(), messages, bytes, largest }, "topic statistics");
  }
}
