import type { GrowthSeries, Workload } from "./workload.ts";

/** What a series is about, for the chart and the page. */
export const growthSeries: Readonly<Record<GrowthSeries, { readonly title: string; readonly unit: string }>> = {
  G1: { title: "topics, at 20,000 deliveries/s over all of them", unit: "µs per delivery" },
  G2: { title: "members of one topic, one of them sending, 8 under way", unit: "µs per delivery" },
  G3: { title: "pairs playing ping-pong", unit: "µs per delivery" },
  G4: { title: "joins and leaves a second in a topic of 2,000", unit: "µs per join and leave" },
  G5: { title: "idle connections", unit: "KiB per connection" },
};

/** Above its default of 10,000; the bound that the relay logs grows with it and nothing else. */
const MANY_CONNECTIONS = { MAX_CONNECTIONS: "20000" };

const PAIRS_OF_G1 = 100;

/** Workloads that differ in size alone: what one unit costs should not depend on how many there are. */
export const growthWorkloads: readonly Workload[] = [
  ...[1, 10, 100, 1000, 10_000].map((size): Workload => {
    const pairCount = Math.min(size, PAIRS_OF_G1);
    return {
      ...placeOf("G1", size),
      kind: "exchange",
      sentence: `${size} topics of two, on ${pairCount} pairs of connections, 256 B at 20k deliveries/s`,
      topicCount: pairCount,
      membersPerTopic: 2,
      topicsPerMember: size / pairCount,
      senders: "first",
      payloadBytes: 256,
      pace: { kind: "rate", deliveriesPerSecond: 20_000 },
    };
  }),
  ...[10, 100, 500, 2000].map(
    (size): Workload => ({
      ...placeOf("G2", size),
      kind: "exchange",
      sentence: `fan-out of 256 B to ${size} members, 8 under way`,
      topicCount: 1,
      membersPerTopic: size + 1,
      senders: "first",
      payloadBytes: 256,
      pace: { kind: "window", messageCount: 8 },
    }),
  ),
  ...[20, 200, 1000, 4000].map(
    (size): Workload => ({
      ...placeOf("G3", size),
      kind: "exchange",
      sentence: `${size} pairs ping-pong, 128 B`,
      topicCount: size,
      membersPerTopic: 2,
      senders: "all",
      payloadBytes: 128,
      pace: { kind: "ping-pong" },
    }),
  ),
  ...[2, 10, 50].map(
    (size): Workload => ({
      ...placeOf("G4", size),
      kind: "churn",
      sentence: `${size} join and leave a topic of 2,000 in a second`,
      memberCount: 2000,
      visitsPerSecond: size,
    }),
  ),
  ...[1000, 3000, 10_000].map(
    (size): Workload => ({
      ...placeOf("G5", size),
      kind: "idle",
      sentence: `${size} idle joined connections`,
      connectionCount: size,
      relayEnvironment: MANY_CONNECTIONS,
    }),
  ),
];

function placeOf(series: GrowthSeries, size: number): Pick<Workload, "id" | "growth"> {
  return { id: `${series} ${size}`, growth: { series, size } };
}
