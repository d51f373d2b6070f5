import { DirectLanes } from "../../client/delivery/direct-lanes.ts";
import { decodeFrame, type Frame } from "../../client/delivery/frame.ts";
import type { PosternError } from "../../client/errors.ts";
import { FakeClock } from "./fake-clock.ts";

/** What a lane may have on its way. */
export const WINDOW_BYTES: number = 1024 * 1024;

/** What the lanes send. */
type Sent = Extract<Frame, { type: "chunk" | "acknowledgement" }>;

/** The lanes of one end, whose peers the test plays. */
export type LaneScene = {
  readonly app: { hasRoom: boolean; isWritable: boolean };
  /** A chunk of this peer comes. */
  readonly chunk: (sid: string, seq: number, text: string, more?: Partial<Sent>) => void;
  readonly clock: FakeClock;
  readonly lanes: DirectLanes;
  /** An acknowledgement of this peer comes. */
  readonly say: (sid: string, purpose: "progress" | "resume" | "ask", next: number, byteLimit?: number) => void;
  readonly sent: (Sent & { readonly to: string })[];
  /** What was sent since the last call, in words. */
  readonly take: () => string[];
  /** What the app was told. */
  readonly told: string[];
};

/** Makes a scene. */
export function laneScene(): LaneScene {
  const clock = new FakeClock();
  const sent: (Sent & { readonly to: string })[] = [];
  const told: string[] = [];
  const app = { hasRoom: true, isWritable: true };
  let controlSeq = 0;
  const lanes = new DirectLanes({
    clock,
    carrier: {
      get isWritable() {
        return app.isWritable;
      },
      toPeers: ([to = ""], frame) => {
        const decoded = decodeFrame(frame);
        if (decoded.type === "chunk" || decoded.type === "acknowledgement") sent.push({ to, ...decoded });
      },
    },
    nextControlSeq: () => (controlSeq += 1),
    events: {
      onDirect: (sid, payload) => told.push(`${sid}: ${new TextDecoder().decode(payload)}`),
      onLost: (sid, count) => told.push(`${sid} lost ${count}`),
      onFault: (sid, kind) => told.push(`${sid} ${kind}`),
      hasRoom: () => app.hasRoom,
    },
  });
  const take = () => sent.splice(0).map(summaryOf);
  const chunk = (sid: string, seq: number, text: string, more: Partial<Sent> = {}) =>
    lanes.received(sid, { type: "chunk", seq, stream: 0, chunk: bytes(text), ...more } as Sent);
  const say = (sid: string, purpose: "progress" | "resume" | "ask", next: number, byteLimit = WINDOW_BYTES) =>
    lanes.received(sid, { type: "acknowledgement", seq: 1, stream: 0, next, byteLimit, purpose });
  return { app, chunk, clock, lanes, say, sent, take, told };
}

/** Text as bytes. */
export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function summaryOf(frame: Sent & { readonly to: string }): string {
  if (frame.type === "chunk") return `${frame.to} ${frame.seq} ${frame.chunk.byteLength}`;
  return `${frame.to} ${frame.purpose} ${frame.next} ${frame.byteLimit}`;
}

/** With which code it rejects; `none` where it resolves. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return (error as PosternError | undefined)?.code ?? "none";
}

/** The outcome so far. */
export function watch(promise: Promise<unknown>): { outcome: string } {
  const watched = { outcome: "waits" };
  void codeOf(promise).then((code) => (watched.outcome = code));
  return watched;
}
