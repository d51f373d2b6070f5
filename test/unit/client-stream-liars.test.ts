import { describe, expect, it } from "vitest";
import { decodeFrame, encodeChunk } from "../../client/delivery/frame.ts";
import type { PeerStream } from "../../client/streams/peer-stream.ts";
import { codeOf, watch } from "../support/lane-scene.ts";
import { manyTurns } from "../support/stream-properties.ts";
import { type StreamScene, streamScene, u32 } from "../support/stream-scene.ts";

const [DATA, OPEN, ACCEPT, END, ABORT, STOP, SELF_SEALED] = [0, 1, 2, 3, 4, 5, 8] as const;
const KIBIBYTE = 1024;
const MEBIBYTE = KIBIBYTE * KIBIBYTE;

/** A stream that the peer `p` has opened under its number 7, and that the app has taken. */
function taken(): StreamScene & { readonly stream: PeerStream } {
  const scene = streamScene();
  const streams: PeerStream[] = [];
  scene.lanes.peerBack("p");
  scene.streams.onStream((incoming) => void streams.push(incoming));
  scene.chunk("p", 7, 1, OPEN, "label");
  const [stream] = streams;
  if (stream === undefined) throw new Error("it was taken");
  scene.say("p", 1, "progress", 2);
  scene.take();
  return { ...scene, stream };
}

describe("a member that opens streams without end", () => {
  it("has 64 at a time, and is refused the next one, whoever takes them", () => {
    const { chunk, lanes, streams, take } = streamScene();
    lanes.peerBack("p");
    const seen: string[] = [];
    streams.onStream(({ label }) => void seen.push(label));

    for (let number = 1; number <= 70; number += 1) chunk("p", number, 1, OPEN, "x");

    expect(seen).toHaveLength(64);
    const refused = take().filter((words) => words.endsWith("resume 0 2"));
    expect(refused).toEqual([65, 66, 67, 68, 69, 70].map((number) => `p #${number} resume 0 2`));
  });

  it("may have 16 of them wait, all peers 256, and each that is withdrawn makes room", () => {
    const { chunk, lanes, streams, take } = streamScene();
    streams.incoming();
    for (let peer = 0; peer < 20; peer += 1) {
      lanes.peerBack(`p${peer}`);
      for (let number = 1; number <= 17; number += 1) chunk(`p${peer}`, number, 1, OPEN, "x");
    }
    const refused = take().filter((words) => words.endsWith("resume 0 2"));
    // Of each of the first 16 one, and all of the other four.
    expect(refused.length).toBe(16 + 4 * 17);

    chunk("p0", 1, 2, ABORT, u32(0));
    take();
    chunk("p0", 99, 1, OPEN, "x");

    expect(take()).toEqual(["p0 #99 progress 2 0"]);
  });

  it("makes this client speak at most 100 times at once and 50 times a second", () => {
    const { chunk, clock, lanes, say, take, told } = streamScene();
    lanes.peerBack("p");
    for (let number = 1; number <= 5000; number += 1) {
      chunk("p", number, 1, OPEN, "nobody takes it");
      say("p", number, "ask", 1, 1);
      say("p", number, "ask", 9, 9);
    }
    expect(take()).toHaveLength(100);
    clock.advance(1000);
    for (let number = 1; number <= 5000; number += 1) say("p", number, "ask", 9, 9);
    expect(take()).toHaveLength(50);
    // Another one is answered all the same.
    lanes.peerBack("q");
    say("q", 1, "ask", 9, 9);

    expect(take()).toEqual(["q #1 resume 0 0"]);
    expect(new Set(told)).toEqual(new Set(["p flood"]));
  });

  it("cannot keep more than the windows of those that nobody reads", async () => {
    const { chunk, clock, lanes, streams, take } = streamScene();
    lanes.peerBack("p");
    streams.onStream(() => undefined);
    for (let number = 1; number <= 64; number += 1) chunk("p", number, 1, OPEN, "x");
    take();
    const piece = new Uint8Array(32 * KIBIBYTE - 1);
    for (let number = 1; number <= 64; number += 1) {
      for (let seq = 2; seq < 100; seq += 1) chunk("p", number, seq, DATA, piece);
    }
    await manyTurns();
    clock.advance(20);

    const kept = take().flatMap((words) => / resume (\d+) 0$/.exec(words)?.[1] ?? []);
    const keptBytes = kept.reduce((sum, next) => sum + (Number(next) - 2) * 32 * KIBIBYTE, 0);
    expect(kept).toHaveLength(64);
    expect(keptBytes).toBeLessThanOrEqual((64 + 64 * (1 / 16)) * MEBIBYTE + 64 * 32 * KIBIBYTE);
  });
});

describe("a member that lies about a stream", () => {
  it("is told as unreadable for chunks that are none, or out of their place; the stream goes on", async () => {
    const { chunk, stream, told } = taken();
    const read = stream.readable.getReader();
    const bad: [number, Uint8Array | string][] = [
      [DATA, ""],
      [OPEN, "again"],
      [ACCEPT, u32(1)],
      [ACCEPT, "x"],
      [END, "x"],
      [ABORT, "x"],
      [STOP, Uint8Array.of(0, 0, 0, 0, 0xff)],
      [ABORT, new Uint8Array(900)],
      [SELF_SEALED, "x"],
    ];
    for (const [index, [kind, body]] of bad.entries()) chunk("p", 7, 2 + index, kind, body);
    chunk("p", 7, 2 + bad.length, 99, "of a later version");
    chunk("p", 7, 3 + bad.length, DATA, "good");
    chunk("p", 7, 4 + bad.length, END);
    chunk("p", 7, 5 + bad.length, DATA, "behind the end");

    expect(new TextDecoder().decode((await read.read()).value)).toBe("good");
    expect((await read.read()).done).toBe(true);
    expect(told).toEqual([...Array(bad.length).fill("p unreadable"), "p unknown-kind", "p unreadable"]);
  });

  it("opens nothing with a label that is none, or with another chunk", () => {
    const { chunk, lanes, streams, take, told } = streamScene();
    lanes.peerBack("p");
    streams.onStream(() => undefined);
    chunk("p", 1, 1, OPEN, "");
    chunk("p", 2, 1, OPEN, "x".repeat(257));
    chunk("p", 3, 1, OPEN, Uint8Array.of(0xc0, 0x80));
    chunk("p", 4, 1, DATA, "x");
    chunk("p", 5, 2, OPEN, "not the first");
    chunk("p", 6, 1, ACCEPT, u32(1));

    expect(told).toEqual(Array(4).fill("p unreadable"));
    expect(take()).toEqual(["p #6 resume 0 0"]);
  });

  it("sends nothing before an app has taken the stream, and nothing beyond the window", async () => {
    const { chunk, clock, lanes, streams, take } = streamScene();
    lanes.peerBack("p");
    const incoming = streams.incoming();
    chunk("p", 7, 1, OPEN, "label");
    chunk("p", 7, 2, DATA, "early");
    clock.advance(20);
    expect(take()).toEqual(["p #7 progress 2 0", "p #7 resume 2 0"]);

    await incoming.next();
    expect(take()).toEqual(["p #1 1 accept 7", `p #7 resume 2 ${MEBIBYTE}`]);
    for (let seq = 2; seq < 60; seq += 1) chunk("p", 7, seq, DATA, new Uint8Array(32 * KIBIBYTE - 1));
    clock.advance(20);

    expect(take()).toEqual(
      ["p #7 progress 10 786944", "p #7 progress 18 524800", "p #7 progress 26 262656", "p #7 resume 34 0"].slice(-1),
    );
  });

  it("gets nothing in the clear, and gives nothing so, that this end has not agreed to", async () => {
    const { chunk, stream, take, told } = taken();
    const read = stream.readable.getReader();
    const writer = stream.writable.getWriter();
    // It has agreed itself.
    chunk("p", 7, 2, SELF_SEALED);
    chunk("p", 7, 3, DATA, "in the clear", { isBound: true });
    chunk("p", 7, 3, DATA, "sealed");
    await writer.write(Uint8Array.of(1));

    expect(new TextDecoder().decode((await read.read()).value)).toBe("sealed");
    expect(told).toEqual(["p unreadable"]);
    expect(take()).toContain("p #1 2 data 1");
  });

  it("gets its own bytes alone in the clear: no label, no end, and no message", async () => {
    const { chunk, stream, told } = taken();
    stream.selfSealed();
    const read = stream.readable.getReader();
    const bad = [
      [8, 1, OPEN, "label"],
      [7, 2, END, ""],
      [7, 3, ABORT, u32(0)],
      [7, 4, SELF_SEALED, ""],
    ] as const;
    for (const [number, seq, kind, body] of bad) chunk("p", number, seq, kind, body, { isBound: true });
    chunk("p", 7, 5, DATA, "in the clear", { isBound: true });

    expect(new TextDecoder().decode((await read.read()).value)).toBe("in the clear");
    expect(told).toEqual(bad.map(() => "p unreadable"));
    expect(decodeFrame(encodeChunk(0, Uint8Array.of(1), undefined, { isBound: true })).type).toBe("unreadable");
  });

  it("gets no more than 16 MiB, whatever it offers, and all of them 64 MiB and a little", async () => {
    const { lanes, say, streams, take } = streamScene();
    lanes.peerBack("p");
    const opening = Array.from({ length: 10 }, () => streams.open("p", "x"));
    for (let number = 1; number <= 10; number += 1) {
      say("p", number, "progress", 2, 2 ** 48 - 1);
      lanes.received("p", {
        type: "chunk",
        seq: 1,
        stream: 100 + number,
        chunk: Uint8Array.of(ACCEPT, ...u32(number)),
        isBound: false,
      });
    }
    const sentBytes = (): number =>
      take().reduce((sum, words) => sum + Number(/ data (\d+)$/.exec(words)?.[1] ?? 0), 0);
    const [first, ...others] = await Promise.all(opening);
    take();
    first?.writable
      .getWriter()
      .write(new Uint8Array(20 * MEBIBYTE))
      .catch(() => undefined);
    for (let turn = 0; turn < 100; turn += 1) await manyTurns();
    expect(sentBytes()).toBeLessThanOrEqual(16 * MEBIBYTE + 32 * KIBIBYTE);

    for (const { writable } of others)
      writable
        .getWriter()
        .write(new Uint8Array(20 * MEBIBYTE))
        .catch(() => undefined);
    for (let turn = 0; turn < 400; turn += 1) await manyTurns();

    expect(sentBytes()).toBeLessThanOrEqual((64 - 16 + 1) * MEBIBYTE);
  });

  it("loses nothing for others by acknowledging what was not sent, or asking from where it is not", async () => {
    const { clock, say, stream, take, told } = taken();
    const writer = stream.writable.getWriter();
    await writer.write(new Uint8Array(100));
    say("p", 1, "progress", 99);
    say("p", 7, "ask", 99, 99);
    say("p", 7, "ask", 0, 0);
    say("p", 55, "progress", 3);
    say("stranger", 1, "resume", 0, 0);
    clock.advance(100);

    expect(told).toEqual(Array(3).fill("p unreadable"));
    expect(take()).toEqual(["p #1 2 data 100"]);
  });

  it("takes the place of no other peer's streams", () => {
    const { chunk, lanes, stream, take } = taken();
    lanes.peerBack("q");
    chunk("q", 7, 2, ABORT, u32(1));
    chunk("q", 8, 1, ACCEPT, u32(1));

    expect(take()).toEqual(["q #8 resume 0 0"]);
    expect(watch(stream.closed).outcome).toBe("waits");
  });

  it("may say that a stream is gone, and has ended that alone", async () => {
    const { say, streams, stream } = taken();
    const other = codeOf(streams.open("p", "other"));
    say("p", 1, "resume", 0, 0);
    say("p", 2, "resume", 0, 1_000_000);

    expect(await codeOf(stream.closed)).toBe("peer-gone");
    expect(await other).toBe("peer-gone");
  });
});
