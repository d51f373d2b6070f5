import type { DirectLanes } from "../../client/delivery/direct-lanes.ts";
import { decodeFrame, encodeChunk, type Frame } from "../../client/delivery/frame.ts";
import type { StreamSecrets } from "../../client/stream-host.ts";
import { decodeStreamChunk, type StreamChunk } from "../../client/streams/stream-chunk.ts";
import type { TopicStreams } from "../../client/streams/topic-streams.ts";
import { type LaneScene, laneScene } from "./lane-scene.ts";
import { streamsOver } from "./stream-end.ts";

/** The streams of one end, whose peers the test plays. */
export type StreamScene = Pick<LaneScene, "app" | "clock" | "told"> & {
  readonly lanes: DirectLanes;
  readonly streams: TopicStreams;
  /** A chunk of this peer comes: a kind, and what is behind it. */
  readonly chunk: (
    sid: string,
    stream: number,
    seq: number,
    kind: number,
    body?: Uint8Array | string,
    how?: { readonly isBound: boolean },
  ) => void;
  /** This peer says where it is. */
  readonly say: (
    sid: string,
    stream: number,
    purpose: "progress" | "resume" | "ask",
    next: number,
    byteLimit?: number,
  ) => void;
  /** What was sent since the last call, in words. */
  readonly take: () => string[];
};

/** Makes a scene. @param secrets the keys of streams; left out: none has any. */
export function streamScene(secrets?: StreamSecrets): StreamScene {
  const { app, clock, lanes, sent, told } = laneScene();
  const streams = streamsOver(lanes, secrets);
  return {
    app,
    clock,
    lanes,
    streams,
    told,
    chunk: (sid, stream, seq, kind, body = "", how = { isBound: false }) => {
      const content = typeof body === "string" ? new TextEncoder().encode(body) : body;
      const frame = decodeFrame(encodeChunk(stream, content, kind, how));
      if (frame.type === "chunk") lanes.received(sid, { ...frame, seq });
    },
    say: (sid, stream, purpose, next, byteLimit = 1024 * 1024) =>
      lanes.received(sid, { type: "acknowledgement", seq: 1, stream, next, byteLimit, purpose }),
    take: () => sent.splice(0).map(summaryOf),
  };
}

/** A number as it is in chunks. */
export function u32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

function summaryOf(frame: Extract<Frame, { type: "chunk" | "acknowledgement" }> & { readonly to: string }): string {
  const { to, stream } = frame;
  if (frame.type === "acknowledgement") return `${to} #${stream} ${frame.purpose} ${frame.next} ${frame.byteLimit}`;
  return `${to} #${stream} ${frame.seq} ${wordsOf(decodeStreamChunk(frame))}${frame.isBound ? ", bound" : ""}`;
}

function keyText(key: Uint8Array | undefined): string {
  return key === undefined ? "" : ` by ${key[0]}`;
}

function wordsOf(chunk: StreamChunk): string {
  switch (chunk.kind) {
    case "data":
      return `data ${chunk.bytes.byteLength}`;
    case "open":
      return `open ${chunk.label}${keyText(chunk.key)}`;
    case "accept":
      return `accept ${chunk.stream}${keyText(chunk.key)}`;
    case "abort":
    case "stop":
      return `${chunk.kind} ${chunk.reasonCode} ${chunk.reason}`.trim();
    default:
      return chunk.kind;
  }
}
