import type { SharedLanes, StreamLanes } from "./delivery/direct-lanes.ts";
import type { Sid } from "./delivery/ports.ts";
import type { Peer } from "./topic.ts";

/** What streams need of their topic. */
export type StreamHost = {
  /** Those that are here, or in their grace. */
  readonly peers: Pick<ReadonlyMap<string, Peer>, "get">;
  /** Aborted when the topic has ended. */
  readonly ended: AbortSignal;
};

/** A stream, by the number that each end sends under. */
export type StreamEnds = {
  readonly sid: Sid;
  readonly own: number;
  readonly peers: number;
  readonly isOpener: boolean;
};

/** What one end gives to the secret of one stream: the public half of a key of 32 bytes. */
export type StreamHalf = { readonly publicKey: Uint8Array };

/** Keys of streams: where there are any, what was recorded of a stream is opened by nobody once it has ended. */
export interface StreamSecrets {
  /** Whether streams with this peer have keys of their own. Does not change while the peer is here. */
  covers(sid: Sid): boolean;
  /** Makes a half for one stream. */
  offer(): Promise<StreamHalf>;
  /**
   * From now on the chunks of this stream, but for the first of each end, are sealed by its own key.
   * @returns false: the peer's half is none.
   */
  agree(ends: StreamEnds, half: StreamHalf, peersKey: Uint8Array): Promise<boolean>;
  /** The stream has ended, and its keys are gone. */
  forget(ends: Pick<StreamEnds, "sid" | "own" | "peers">): void;
}

/** A topic that streams can be built on. Apps ask `streamsOf`. */
export interface HostsStreams extends StreamHost {
  /**
   * Makes what carries the streams of this topic, once.
   * @param make `maxPayloadBytes` gives the largest payload that reaches every member; without `secrets` no stream has a key of
   *   its own.
   * @returns what was made the first time.
   */
  hostStreams(
    make: (shared: SharedLanes, maxPayloadBytes: () => number, secrets: StreamSecrets | undefined) => StreamLanes,
  ): StreamLanes;
}

/** Whether streams can be built on this topic. */
export function hostsStreams(topic: object): topic is HostsStreams {
  return "hostStreams" in topic;
}
