import type { SharedLanes, StreamLanes } from "./delivery/direct-lanes.ts";
import type { Peer } from "./topic.ts";

/** What streams need of their topic. */
export type StreamHost = {
  /** Those that are here, or in their grace. */
  readonly peers: Pick<ReadonlyMap<string, Peer>, "get">;
  /** Aborted when the topic has ended. */
  readonly ended: AbortSignal;
};

/** A topic that streams can be built on. Apps ask `streamsOf`. */
export interface HostsStreams extends StreamHost {
  /**
   * Makes what carries the streams of this topic, once.
   * @param make `maxPayloadBytes` gives the largest payload that reaches every member.
   * @returns what was made the first time.
   */
  hostStreams(make: (shared: SharedLanes, maxPayloadBytes: () => number) => StreamLanes): StreamLanes;
}
