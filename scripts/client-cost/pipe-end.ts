import { createHash } from "node:crypto";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { WebSocket } from "ws";
import { connect } from "../../client/node.ts";
import { streamsOf } from "../../client/streams.ts";
import { cpuMicros, serveEnd } from "./end-process.ts";

/** What carries the bytes: a stream of the SDK, sealed, or a bare socket on the relay's path for pipes. */
export type PipeKind = "stream" | "raw pipe";

/** What an end is started with, as its argument. */
export type PipeSetting = {
  readonly kind: PipeKind;
  readonly isSender: boolean;
  readonly port: number;
  readonly ca: string;
};

/** What the parent asks of an end, one thing at a time. Each is answered with a number. */
export type PipeRequest =
  /** Send so many bytes; the answer is how many were. */
  | { readonly ask: "send"; readonly byteCount: number }
  /** How many bytes have come, as soon as they are so many, or after a minute. */
  | { readonly ask: "received"; readonly atLeast: number }
  /** The CPU time of this process in microseconds, user and system. */
  | { readonly ask: "cpu" };

const PIECE_BYTES = 65_536;
const HIGH_WATER_BYTES = 1_048_576;
const POLL_MS = 1;
const RECEIVE_TIMEOUT_MS = 60_000;
const SECRET = Buffer.alloc(32, "client-cost").toString("base64url");
const LABEL = "cost";

const setting = JSON.parse(process.argv[2] ?? "") as PipeSetting;
const received = { byteCount: 0 };
const piece = new Uint8Array(PIECE_BYTES).fill(7);
const write = await (setting.kind === "stream" ? openStream(setting) : openRawPipe(setting));

serveEnd(answer);

function answer(request: PipeRequest): Promise<number> {
  switch (request.ask) {
    case "send":
      return send(request.byteCount);
    case "received":
      return whenReceived(request.atLeast);
    case "cpu":
      return Promise.resolve(cpuMicros());
  }
}

async function send(byteCount: number): Promise<number> {
  let sentBytes = 0;
  for (; sentBytes < byteCount; sentBytes += PIECE_BYTES) await write(piece);
  return sentBytes;
}

async function whenReceived(atLeast: number): Promise<number> {
  const deadlineMs = performance.now() + RECEIVE_TIMEOUT_MS;
  while (received.byteCount < atLeast && performance.now() < deadlineMs) await pause(POLL_MS);
  return received.byteCount;
}

/** @returns writes a piece, and resolves when there is room for more. */
async function openStream({ isSender, port, ca }: PipeSetting): Promise<(bytes: Uint8Array) => Promise<void>> {
  const relay = connect(`wss://127.0.0.1:${port}`, { tls: { ca } });
  const topic = await relay.join({ secret: SECRET });
  const streams = streamsOf(topic);
  streams.onStream(
    async ({ readable }) => {
      for await (const bytes of readable) received.byteCount += bytes.byteLength;
    },
    { label: LABEL },
  );
  if (!isSender) return () => Promise.reject(new Error("the receiver sends nothing"));
  while (topic.peers.size === 0) await pause(POLL_MS);
  const [peer] = topic.peers.values();
  if (peer === undefined) throw new Error("there is no peer");
  const writer = (await streams.open(peer, LABEL)).writable.getWriter();
  return (bytes) => writer.write(bytes);
}

async function openRawPipe({ port, ca }: PipeSetting): Promise<(bytes: Uint8Array) => Promise<void>> {
  const name = createHash("sha256").update(SECRET).digest("hex");
  const socket = new WebSocket(`wss://127.0.0.1:${port}/topic/${name}`, { ca, perMessageDeflate: false });
  socket.on("message", (bytes: Buffer) => (received.byteCount += bytes.byteLength));
  await once(socket, "open");
  return async (bytes) => {
    socket.send(bytes);
    while (socket.bufferedAmount > HIGH_WATER_BYTES) await pause(POLL_MS);
  };
}
