import type { Clock } from "./clock.ts";
import type { SharedLanes, StreamLanes } from "./delivery/direct-lanes.ts";
import type { Sid } from "./delivery/ports.ts";
import type { Peer } from "./topic.ts";

/** What streams need of their topic. */
export type StreamHost = {
  readonly clock: Clock;
  /** The largest payload that reaches every member. */
  readonly maxPayloadBytes: () => number;
  readonly peerOf: (sid: Sid) => Peer;
  /** @throws DeliveryError `no-such-peer` */
  readonly sidOf: (peer: Peer | string) => Sid;
  /** @throws DeliveryError `closed`, `aborted` */
  readonly checkOpen: (signal: AbortSignal | undefined) => void;
};

/** A topic that streams can be built on. Apps ask `streamsOf`. */
export interface HostsStreams {
  /** Makes what carries the streams of this topic, once. @returns what was made the first time. */
  hostStreams(make: (host: StreamHost, shared: SharedLanes) => StreamLanes): StreamLanes;
}
