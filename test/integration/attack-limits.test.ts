import { expect, it } from "vitest";
import { openSeed } from "../support/client.ts";
import { eventually } from "../support/eventually.ts";
import { encodeFrame, Opcode, RawSocket } from "../support/raw-socket.ts";
import { openScene } from "./attack-scene.ts";

const MAX_FRAME_BYTES = 1024;
/** More than the fragments that one message may have. */
const ENDLESS = 20_000;

/**
 * Pieces of one frame that the relay may keep: each costs it some 350 bytes, so these cost more than 20 MB. A frame of
 * 4 MiB comes in 3000 pieces of an Ethernet packet's size.
 */
const MAX_CRUMBS = 65_536;

/** A message of exactly so many bytes. */
function dataOfBytes(bytes: number): string {
  const empty = JSON.stringify({ type: "data", data: "" });
  return JSON.stringify({ type: "data", data: "x".repeat(bytes - empty.length) });
}

function inTwoFragments(message: string): Buffer {
  return Buffer.concat([
    encodeFrame({ payload: message.slice(0, 500), isFinal: false }),
    encodeFrame({ opcode: Opcode.continuation, payload: message.slice(500) }),
  ]);
}

it.each([
  ["a single frame", (message: string) => encodeFrame({ payload: message })],
  ["the sum of two fragments", inTwoFragments],
])("relays a message when %s is exactly at the frame limit", async (_name, encode) => {
  const scene = await openScene({ maxFrameBytes: MAX_FRAME_BYTES });
  const witness = await openSeed(scene, "t", "witness");
  const raw = await RawSocket.openWebSocket(scene);
  raw.send({ type: "join", topic: "t", peerId: "raw" });
  await witness.next();

  raw.write(encode(dataOfBytes(MAX_FRAME_BYTES)));

  expect(await witness.next()).toMatchObject({ type: "data", peerId: "raw" });
  raw.end();
  witness.socket.terminate();
  await scene.expectUnharmed();
});

it.each([
  ["a single frame", (message: string) => encodeFrame({ payload: message })],
  ["a binary frame", (message: string) => encodeFrame({ payload: message, opcode: Opcode.binary })],
  ["the sum of two fragments", inTwoFragments],
])("closes with 1009 and relays nothing when %s is one byte over the limit", async (_name, encode) => {
  const scene = await openScene({ maxFrameBytes: MAX_FRAME_BYTES });
  const witness = await openSeed(scene, "t", "witness");
  const raw = await RawSocket.openWebSocket(scene);
  raw.send({ type: "join", topic: "t", peerId: "raw" });
  await witness.next();

  raw.write(encode(dataOfBytes(MAX_FRAME_BYTES + 1)));

  expect(await raw.closeCode()).toBe(1009);
  expect(await witness.next()).toEqual({ type: "peer-left", peerId: "raw", topic: "t" });
  await witness.expectNothing();
  await raw.closed();
  witness.socket.terminate();
  await scene.expectUnharmed();
});

it("ends a connection that keeps sending for as long as it likes after it was closed with 1009", async () => {
  const scene = await openScene({ maxFrameBytes: MAX_FRAME_BYTES });
  const raw = await RawSocket.openWebSocket(scene);
  const tooLarge = encodeFrame({ payload: "x".repeat(60_000) });

  while (!raw.isClosed) await raw.writeAndWait(tooLarge);

  await scene.expectUnharmed();
});

it.each([
  ["empty fragments", ""],
  ["fragments of one byte", "["],
])("closes a connection that sends a message of %s without end", async (_name, payload) => {
  const scene = await openScene();
  const raw = await RawSocket.openWebSocket(scene);
  const fragment = encodeFrame({ opcode: Opcode.continuation, payload, isFinal: false });

  raw.write(encodeFrame({ payload, isFinal: false }));
  raw.write(Buffer.concat(Array.from({ length: ENDLESS }, () => fragment)));

  expect(await raw.closeCode()).toBe(1008);
  await raw.closed();
  await scene.expectUnharmed();
});

it("closes a connection that sends a large frame in crumbs, before they cost far more memory than the frame", async () => {
  const scene = await openScene();
  const raw = await RawSocket.openWebSocket(scene);
  let crumbCount = 0;

  raw.write(encodeFrame({ announcedBytes: 4_000_000n }));
  for (; crumbCount < MAX_CRUMBS && !raw.isClosed; crumbCount += 1) await raw.writeAndWait(Buffer.of(0x20));

  expect(crumbCount).toBeLessThan(MAX_CRUMBS);
  await scene.expectUnharmed();
});

it("answers a burst of pings such as a lagging client may send, and stays with it", async () => {
  const scene = await openScene();
  const raw = await RawSocket.openWebSocket(scene);
  const pings = Array.from({ length: 50 }, () => encodeFrame({ opcode: Opcode.ping, payload: "p" }));

  raw.write(Buffer.concat(pings));

  await eventually(() => expect(raw.frames().map(({ opcode }) => opcode)).toEqual(pings.map(() => Opcode.pong)));
  raw.end();
  await scene.expectUnharmed();
});

it("ends a connection that floods it with more pings than pongs can wait", async () => {
  const scene = await openScene();
  const raw = await RawSocket.openWebSocket(scene);
  const pings = Array.from({ length: 10_000 }, () => encodeFrame({ opcode: Opcode.ping, payload: "p" }));

  raw.write(Buffer.concat(pings));

  await raw.closed();
  await scene.expectUnharmed();
});

it("ignores a flood of pongs that nobody asked for", async () => {
  const scene = await openScene();
  const raw = await RawSocket.openWebSocket(scene);
  const pongs = Array.from({ length: 10_000 }, () => encodeFrame({ opcode: Opcode.pong, payload: "p" }));

  raw.write(Buffer.concat(pongs));
  raw.write(encodeFrame({ opcode: Opcode.ping, payload: "last" }));

  await eventually(() => expect(raw.frames().at(-1)?.payload.toString()).toBe("last"));
  expect(raw.frames()).toHaveLength(1);
  raw.end();
  await scene.expectUnharmed();
});

it("ends a client that sends few pings at a time, but without end, and never reads the pongs", async () => {
  const scene = await openScene();
  const raw = await RawSocket.openWebSocket(scene);
  const ping = encodeFrame({ opcode: Opcode.ping, payload: "p".repeat(125) });
  const fewPings = Buffer.concat(Array.from({ length: 40 }, () => ping));
  const { connections } = scene.figures();
  raw.pause();

  // The operating system holds some mebibytes of pongs before the relay has to: 100 MB of pings would be far more.
  for (let round = 0; round < 20_000 && scene.figures().connections === connections; round += 1) {
    await raw.writeAndWait(fewPings);
  }

  await scene.expectUnharmed();
});
