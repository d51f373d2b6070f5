import { expect, it } from "vitest";
import { openClassic } from "../support/client.ts";
import { eventually } from "../support/eventually.ts";
import { encodeFrame, Opcode, RawSocket, upgradeRequest } from "../support/raw-socket.ts";
import { openScene, type Scene } from "./attack-scene.ts";

/** What a relay may allocate for one header: far below what the header tells, far above what tests allocate. */
const ALLOCATION_BOUND_BYTES = 100_000_000;
const JOIN = JSON.stringify({ type: "join", topic: "t", peerId: "raw" });
const NOT_UTF8 = Buffer.of(0xc3, 0x28, 0xff, 0xfe);

type Case = readonly [name: string, bytes: Buffer];

const BROKEN_FRAMING: readonly Case[] = [
  ["a frame without a mask", encodeFrame({ payload: JOIN, isMasked: false })],
  ["the first reserved bit", encodeFrame({ payload: JOIN, reservedBits: 4 })],
  ["the second reserved bit", encodeFrame({ payload: JOIN, reservedBits: 2 })],
  ["the third reserved bit", encodeFrame({ payload: JOIN, reservedBits: 1 })],
  ["a reserved opcode of data", encodeFrame({ payload: JOIN, opcode: 0x3 })],
  ["a reserved opcode of control", encodeFrame({ payload: JOIN, opcode: 0xb })],
  ["a continuation of nothing", encodeFrame({ payload: JOIN, opcode: Opcode.continuation })],
  ["a fragmented ping", encodeFrame({ opcode: Opcode.ping, isFinal: false })],
  ["a ping of 126 bytes", encodeFrame({ opcode: Opcode.ping, payload: "p".repeat(126) })],
  ["a close of 126 bytes", encodeFrame({ opcode: Opcode.close, payload: closePayload(1000, "r".repeat(124)) })],
  ["a close with half a code", encodeFrame({ opcode: Opcode.close, payload: "x" })],
  ["a close with code 999", encodeFrame({ opcode: Opcode.close, payload: closePayload(999) })],
  [
    "a close with code 1005, which must not be sent",
    encodeFrame({ opcode: Opcode.close, payload: closePayload(1005) }),
  ],
  ["a close with code 5000", encodeFrame({ opcode: Opcode.close, payload: closePayload(5000) })],
  [
    "a new message in the middle of a fragmented one",
    Buffer.concat([encodeFrame({ payload: '{"type":', isFinal: false }), encodeFrame({ payload: JOIN })]),
  ],
];

const BROKEN_TEXT: readonly Case[] = [
  ["text", encodeFrame({ payload: NOT_UTF8 })],
  [
    "text of two fragments",
    Buffer.concat([
      encodeFrame({ payload: NOT_UTF8.subarray(0, 1), isFinal: false }),
      encodeFrame({ opcode: Opcode.continuation, payload: NOT_UTF8.subarray(1) }),
    ]),
  ],
  ["a surrogate half, which is not UTF-8", encodeFrame({ payload: Buffer.of(0xed, 0xa0, 0x80) })],
  ["the reason of a close", encodeFrame({ opcode: Opcode.close, payload: closePayload(1000, NOT_UTF8) })],
];

/** Sends each on a WebSocket of its own and gives the codes with which the relay closes, when all are closed. */
async function closeCodesFor(scene: Scene, cases: readonly Case[]): Promise<[string, number][]> {
  return Promise.all(
    cases.map(async ([name, bytes]) => {
      const raw = await RawSocket.openWebSocket(scene);
      raw.write(bytes);
      const code = await raw.closeCode();
      await raw.closed();
      return [name, code] as [string, number];
    }),
  );
}

it("closes with 1009 on a header that announces a huge frame, and allocates nothing for it", async () => {
  const scene = await openScene();
  const before = process.memoryUsage().arrayBuffers;
  const huge = { "2 GiB": 2n ** 31n, "2^53": 2n ** 53n, "2^63": 2n ** 63n, "2^64 - 1": 2n ** 64n - 1n };

  const codes = await closeCodesFor(
    scene,
    Object.entries(huge).map(([name, announcedBytes]) => [name, encodeFrame({ announcedBytes, payload: "and so on" })]),
  );

  expect(codes).toEqual(Object.keys(huge).map((name) => [name, 1009]));
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(ALLOCATION_BOUND_BYTES);
  await scene.expectUnharmed();
});

it("closes with 1002 on every break of the framing", async () => {
  const scene = await openScene();

  const codes = await closeCodesFor(scene, BROKEN_FRAMING);

  expect(codes).toEqual(BROKEN_FRAMING.map(([name]) => [name, 1002]));
  await scene.expectUnharmed();
});

it("takes a member out of its topic at once when it breaks the protocol, though its socket stays for the close", async () => {
  const scene = await openScene({ drainTimeoutMs: 5000 });
  const witness = await openClassic(scene, "t", "witness");
  const raw = await RawSocket.openWebSocket(scene);
  raw.send({ type: "join", topic: "t", peerId: "raw" });
  expect(await witness.next()).toMatchObject({ type: "peer-joined", peerId: "raw" });

  raw.write(encodeFrame({ payload: "x", isMasked: false }));

  expect(await witness.next()).toEqual({ type: "peer-left", peerId: "raw", topic: "t" });
  expect(raw.isClosed).toBe(false);
  raw.end();
  witness.socket.terminate();
  await scene.expectUnharmed();
});

it("does not take a word from a client after it broke the protocol", async () => {
  const scene = await openScene();
  const witness = await openClassic(scene, "t", "witness");
  const raw = await RawSocket.openWebSocket(scene);

  raw.write(Buffer.concat([encodeFrame({ payload: "x", reservedBits: 7 }), encodeFrame({ payload: JOIN })]));
  await raw.closed();

  await witness.expectNothing();
  witness.socket.terminate();
  await scene.expectUnharmed();
});

it("relays a fragmented message with pings between its fragments, and answers the pings", async () => {
  const scene = await openScene();
  const witness = await openClassic(scene, "t", "witness");
  const raw = await RawSocket.openWebSocket(scene);
  raw.send({ type: "join", topic: "t", peerId: "raw" });
  const ping = encodeFrame({ opcode: Opcode.ping, payload: "still there?" });

  raw.write(encodeFrame({ payload: '{"type":"data",', isFinal: false }));
  raw.write(ping);
  raw.write(encodeFrame({ opcode: Opcode.continuation, payload: '"data":"in', isFinal: false }));
  raw.write(ping);
  raw.write(encodeFrame({ opcode: Opcode.continuation, payload: ' parts"}' }));

  expect(await witness.take(2)).toEqual([
    { type: "peer-joined", peerId: "raw", topic: "t" },
    { type: "data", peerId: "raw", data: "in parts" },
  ]);
  await eventually(() => expect(pongsOf(raw)).toEqual(["still there?", "still there?"]));
  raw.end();
  witness.socket.terminate();
  await scene.expectUnharmed();
});

it("closes with 1007 on every text that is not UTF-8", async () => {
  const scene = await openScene();

  const codes = await closeCodesFor(scene, BROKEN_TEXT);

  expect(codes).toEqual(BROKEN_TEXT.map(([name]) => [name, 1007]));
  await scene.expectUnharmed();
});

it("takes a character that is cut in two by a fragment", async () => {
  const scene = await openScene();
  const witness = await openClassic(scene, "t", "witness");
  const raw = await RawSocket.openWebSocket(scene);
  raw.send({ type: "join", topic: "t", peerId: "raw" });
  const message = Buffer.from('{"type":"data","data":"é"}');
  const middleOfCharacter = message.indexOf(0xa9);

  raw.write(encodeFrame({ payload: message.subarray(0, middleOfCharacter), isFinal: false }));
  raw.write(encodeFrame({ opcode: Opcode.continuation, payload: message.subarray(middleOfCharacter) }));

  await witness.next();
  expect(await witness.next()).toEqual({ type: "data", peerId: "raw", data: "é" });
  raw.end();
  witness.socket.terminate();
  await scene.expectUnharmed();
});

it("ignores a classic client's binary frames that are not UTF-8, and keeps its socket open", async () => {
  const scene = await openScene();
  const raw = await RawSocket.openWebSocket(scene);

  raw.write(encodeFrame({ opcode: Opcode.binary, payload: NOT_UTF8 }));
  raw.write(encodeFrame({ opcode: Opcode.ping, payload: "after" }));

  await eventually(() => expect(pongsOf(raw)).toEqual(["after"]));
  expect(raw.frames()).toHaveLength(1);
  raw.end();
  await scene.expectUnharmed();
});

it("answers a close with the same code and then ends the connection", async () => {
  const scene = await openScene();
  const raw = await RawSocket.openWebSocket(scene);

  raw.write(encodeFrame({ opcode: Opcode.close, payload: closePayload(4999, "bye") }));

  expect(await raw.closeCode()).toBe(4999);
  await raw.closed();
  await scene.expectUnharmed();
});

it("takes frames that come in the same packet as the upgrade request, but not those behind a close", async () => {
  const scene = await openScene();
  const witness = await openClassic(scene, "t", "witness");
  const raw = await RawSocket.open(scene);

  raw.write(
    Buffer.concat([
      Buffer.from(upgradeRequest(["Sec-WebSocket-Protocol: postern.v1"])),
      encodeFrame({ payload: JOIN }),
      encodeFrame({ opcode: Opcode.close, payload: closePayload(1000) }),
      encodeFrame({ payload: JSON.stringify({ type: "data", topic: "t", data: "from the grave" }) }),
    ]),
  );
  await raw.closed();

  expect(await witness.take(2)).toEqual([
    { type: "peer-joined", peerId: "raw", topic: "t" },
    { type: "peer-left", peerId: "raw", topic: "t" },
  ]);
  await witness.expectNothing();
  witness.socket.terminate();
  await scene.expectUnharmed();
});

it("ends every connection that goes silent in the middle of something, by the sweep", async () => {
  const scene = await openScene({ sweepIntervalMs: 200 });
  const silent = await Promise.all([1, 2, 3].map(async () => RawSocket.openWebSocket(scene)));

  silent[0]?.write(encodeFrame({ payload: JOIN }).subarray(0, 1));
  silent[1]?.write(encodeFrame({ payload: JOIN }).subarray(0, 20));
  silent[2]?.write(encodeFrame({ payload: "{", isFinal: false }));

  await Promise.all(silent.map(async (raw) => raw.closed()));
  expect(scene.figures().swept).toBe(3);
  await scene.expectUnharmed();
});

it.each([
  ["between frames", ""],
  ["in the middle of a frame", encodeFrame({ payload: JOIN }).subarray(0, 20)],
])("forgets a member whose socket is closed without a close frame %s", async (_name, lastBytes) => {
  const scene = await openScene();
  const witness = await openClassic(scene, "t", "witness");
  const raw = await RawSocket.openWebSocket(scene);
  raw.send({ type: "join", topic: "t", peerId: "raw" });
  await witness.next();

  raw.write(lastBytes);
  raw.end();

  expect(await witness.next()).toEqual({ type: "peer-left", peerId: "raw", topic: "t" });
  await raw.closed();
  witness.socket.terminate();
  await scene.expectUnharmed();
});

function closePayload(code: number, reason: string | Uint8Array = ""): Buffer {
  const codeBytes = Buffer.alloc(2);
  codeBytes.writeUInt16BE(code);
  return Buffer.concat([codeBytes, Buffer.from(reason)]);
}

function pongsOf(raw: RawSocket): string[] {
  return raw
    .frames()
    .filter(({ opcode }) => opcode === Opcode.pong)
    .map(({ payload }) => payload.toString());
}
