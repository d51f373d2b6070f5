import { describe, expect, it } from "vitest";
import type { PeerStream } from "../../client/streams/peer-stream.ts";
import { LaneNetwork } from "../support/lane-network.ts";
import { codeOf } from "../support/lane-scene.ts";
import { streamsOver } from "../support/stream-end.ts";
import { manyTurns } from "../support/stream-properties.ts";
import { streamScene, u32 } from "../support/stream-scene.ts";

const [OPEN, ACCEPT, SELF_SEALED] = [1, 2, 8] as const;
const MEBIBYTE = 1024 * 1024;

/** A stream that `p` has opened, and that the app has taken. */
async function takenStream() {
  const scene = streamScene();
  scene.lanes.peerBack("p");
  const streams: PeerStream[] = [];
  scene.streams.onStream((incoming) => void streams.push(incoming));
  scene.chunk("p", 7, 1, OPEN, "label");
  const [stream] = streams;
  if (stream === undefined) throw new Error("it was taken");
  const writer = stream.writable.getWriter();
  scene.say("p", 1, "progress", 2);
  scene.take();
  return { ...scene, stream, writer };
}

describe("two apps that seal their bytes themselves", () => {
  it("have their data bound once both have said so, and nothing else", async () => {
    const { chunk, stream, take, told, writer } = await takenStream();
    await writer.write(Uint8Array.of(1));
    stream.selfSealed();
    stream.selfSealed();
    await writer.write(Uint8Array.of(1));
    chunk("p", 7, 2, SELF_SEALED);
    await writer.write(Uint8Array.of(1));
    void writer.close();
    await manyTurns();

    const chunks = take().filter((words) => !words.includes("progress"));
    expect(chunks.map((words) => words.slice("p #1 ".length))).toEqual([
      "2 data 1",
      "3 self-sealed",
      "4 data 1",
      "5 data 1, bound",
      "6 end",
    ]);
    expect(told).toEqual([]);
  });

  it("are told nothing, and go on sealed, where the other side's library does not know of it", async () => {
    const { stream, take, writer } = await takenStream();
    stream.selfSealed();
    await writer.write(Uint8Array.of(1));

    expect(take()).toEqual(["p #1 2 self-sealed", "p #1 3 data 1"]);
  });
});

describe("who opens a stream", () => {
  it("sends a label, then bytes under its own number, whatever the other side's is", async () => {
    const { chunk, lanes, say, streams, take } = streamScene();
    lanes.peerBack("p");
    const opening = streams.open("p", "file");
    expect(take()).toEqual(["p #1 1 open file"]);
    chunk("p", 1, 1, OPEN, "file");
    expect(take()).toEqual(["p #1 resume 0 1"]);

    say("p", 1, "progress", 2, 0);
    chunk("p", 1, 1, ACCEPT, u32(1));
    say("p", 1, "progress", 2, MEBIBYTE);
    const { writable } = await opening;
    const writer = writable.getWriter();
    await writer.write(new Uint8Array(80_000));
    void writer.close();
    await manyTurns();

    expect(take()).toEqual([`p #1 progress 2 ${MEBIBYTE}`, "p #1 2 data 69632", "p #1 3 data 10368", "p #1 4 end"]);
  });

  it("may have 64 with one peer; the next is too-many-streams, until one has ended", async () => {
    const { lanes, say, streams } = streamScene();
    lanes.peerBack("p");
    const opening = Array.from({ length: 64 }, () => codeOf(streams.open("p", "x")));
    expect(await codeOf(streams.open("p", "x"))).toBe("too-many-streams");

    say("p", 1, "resume", 0, 1);

    expect(await opening[0]).toBe("no-listener");
    expect(await codeOf(streams.open("p", "x", { timeoutMs: 0, signal: AbortSignal.abort() }))).toBe("aborted");
  });

  it("waits for one who is away, and gives up what was never sent without a number", async () => {
    const { clock, lanes, streams, take } = streamScene();
    lanes.peerBack("p");
    lanes.peerAway("p");
    const late = codeOf(streams.open("p", "late", { timeoutMs: 1000 }));
    void codeOf(streams.open("p", "patient"));
    clock.advance(1000);
    expect(await late).toBe("timed-out");
    expect(take()).toEqual([]);

    lanes.peerBack("p");

    expect(take()).toEqual(["p #2 1 open patient"]);
  });
});

/** Two ends of a network, with a stream between them; what the one writes the other reads as fast as it comes. */
async function network(): Promise<{
  readonly net: LaneNetwork;
  readonly opener: PeerStream;
  readonly other: PeerStream;
}> {
  const net = new LaneNetwork(["one", "other"]);
  const [ones, others] = net.ends.map(({ lanes }) => streamsOver(lanes));
  const incoming: PeerStream[] = [];
  others?.onStream((stream) => void incoming.push(stream));
  const opening = ones?.open("other", "x");
  net.clock.advance(100);
  const [opener, [other]] = [await opening, incoming];
  if (opener === undefined || other === undefined) throw new Error("it is open");
  return { net, opener, other };
}

describe("the window", () => {
  it("grows while the app reads more in a round trip than it has, up to 16 MiB", async () => {
    const { net, opener, other } = await network();
    let readBytes = 0;
    void other.readable.pipeTo(new WritableStream({ write: (bytes) => void (readBytes += bytes.byteLength) }));
    const writer = opener.writable.getWriter();
    const perRoundTrip: number[] = [];
    for (let roundTrip = 0; roundTrip < 12; roundTrip += 1) {
      const before = readBytes;
      void writer.write(new Uint8Array(20 * MEBIBYTE));
      for (let step = 0; step < 4; step += 1) {
        for (let turn = 0; turn < 60; turn += 1) await manyTurns();
        net.clock.advance(5);
      }
      perRoundTrip.push(readBytes - before);
    }

    expect(perRoundTrip[1]).toBeLessThan(4 * MEBIBYTE);
    expect(Math.max(...perRoundTrip)).toBeGreaterThan(8 * MEBIBYTE);
    expect(Math.max(...perRoundTrip)).toBeLessThan(34 * MEBIBYTE);
  });

  it("stays where the app reads slowly", async () => {
    const { net, opener, other } = await network();
    const reader = other.readable.getReader();
    const writer = opener.writable.getWriter();
    let taken = 0;
    void (async () => {
      for (;;) {
        await writer.write(new Uint8Array(30_000));
        taken += 30_000;
      }
    })();
    let readBytes = 0;
    for (let step = 0; step < 200; step += 1) {
      const reading = reader.read();
      await manyTurns();
      net.clock.advance(50);
      await manyTurns();
      readBytes += (await reading).value?.byteLength ?? 0;
    }

    expect(readBytes).toBeGreaterThan(3 * MEBIBYTE);
    expect(taken - readBytes).toBeLessThan(1.1 * MEBIBYTE);
  });
});

it("gives what writes an app takes back only once: its bytes may change when a write has resolved", async () => {
  const { net, opener, other } = await network();
  const writer = opener.writable.getWriter();
  const bytes = new Uint8Array(10).fill(1);
  const written = writer.write(bytes);
  await written;
  bytes.fill(2);
  const reading = other.readable.getReader().read();
  for (let step = 0; step < 10; step += 1) {
    net.clock.advance(10);
    await manyTurns();
  }

  expect((await reading).value).toEqual(new Uint8Array(10).fill(1));
});

it("refuses what are no bytes, fails with it, and tells the other side", async () => {
  const { net, opener, other } = await network();
  const writer = opener.writable.getWriter();
  // @ts-expect-error: text is no Uint8Array
  expect(await codeOf(writer.write("text"))).toBe("data-invalid");
  net.clock.advance(100);

  expect(await codeOf(other.readable.getReader().read())).toBe("stream-aborted");
});

it("shares the connection: a stream and messages take turns", async () => {
  const { app, chunk, lanes, say, streams, take } = streamScene();
  lanes.peerBack("p");
  const opening = streams.open("p", "x");
  say("p", 1, "progress", 2);
  chunk("p", 9, 1, ACCEPT, u32(1));
  const { writable } = await opening;
  take();
  app.isWritable = false;
  void writable.getWriter().write(new Uint8Array(3 * 65_536));
  await manyTurns();
  for (let count = 0; count < 3; count += 1) await lanes.send("p", new Uint8Array(60_000));
  app.isWritable = true;
  lanes.writable();

  expect(take().map((words) => words.split(" ")[1])).toEqual(["#1", "#0", "#0", "#1", "#0", "#1"]);
});
