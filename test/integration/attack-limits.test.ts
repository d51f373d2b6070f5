import { expect, it } from "vitest";
import { openClassic } from "../support/client.ts";
import { eventually } from "../support/eventually.ts";
import { encodeFrame, Opcode, RawSocket } from "../support/raw-socket.ts";
import { openScene } from "./attack-scene.ts";

const MAX_FRAME_BYTES = 1024;
/** More than the fragments that one message may have. */
const ENDLESS = 20_000;

/** A message of exactly so many bytes, with a payload that every member can be given. */
function dataOfBytes(bytes: number): string {
  return JSON.stringify({ type: "data", data: "x".repeat(300) }).padEnd(bytes);
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
  const witness = await openClassic(scene, "t", "witness");
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
  const witness = await openClassic(scene, "t", "witness");
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

it("answers a burst of pings such as a lagging client may send, and stays with it", async () => {
  const scene = await openScene();
  const raw = await RawSocket.openWebSocket(scene);
  const pings = Array.from({ length: 50 }, () => encodeFrame({ opcode: Opcode.ping, payload: "p" }));

  raw.write(Buffer.concat(pings));

  await eventually(() => expect(raw.frames().map(({ opcode }) => opcode)).toEqual(pings.map(() => Opcode.pong)));
  raw.end();
  await scene.expectUnharmed();
});

it("answers a flood of pings with no more pongs at a time than may wait, the latest among them", async () => {
  const scene = await openScene();
  const raw = await RawSocket.openWebSocket(scene);
  const pings = Array.from({ length: 10_000 }, (_, index) => encodeFrame({ opcode: Opcode.ping, payload: `${index}` }));

  raw.write(Buffer.concat(pings));

  await eventually(() => expect(raw.frames().at(-1)?.payload.toString()).toBe("9999"));
  expect(raw.frames().length).toBeLessThan(10_000);
  raw.end();
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
