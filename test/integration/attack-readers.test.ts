import { expect, it } from "vitest";
import type { Client } from "../support/client.ts";
import { openClassic, openV1 } from "../support/client.ts";
import { encodeFrame, RawSocket } from "../support/raw-socket.ts";
import { openScene, type Scene } from "./attack-scene.ts";

const MAX_OUTBOX_BYTES = 65_536;
const PAYLOAD = "x".repeat(65_000);
/** 65 MB: what the buffers of the operating system take before the relay's outbox fills, several times over. */
const MAX_MESSAGES = 1000;

/** Joins a topic on a raw socket that from then on reads nothing. */
async function openStalledReader(scene: Scene, subprotocol?: string): Promise<RawSocket> {
  const reader = await RawSocket.openWebSocket(scene, subprotocol);
  reader.send({ type: "join", topic: "t", peerId: "stalled" });
  reader.pause();
  return reader;
}

/** Publishes numbered messages, each after the witness has got the one before, until an outbox is full. */
async function publishUntilOutboxFull(scene: Scene, publisher: Client, witness: Client): Promise<string[]> {
  const sent: string[] = [];
  for (let index = 0; index < MAX_MESSAGES && scene.figures().outboxesFull === 0; index += 1) {
    const data = `${index} ${PAYLOAD}`;
    sent.push(data);
    publisher.send({ type: "data", topic: "t", data });
    await publisher.settled();
  }
  expect(scene.figures().outboxesFull).toBe(1);
  await witness.settled();
  return sent;
}

it.each([
  ["classic", undefined],
  ["v1", "postern.v1"],
])("closes a %s client that never reads; the others are told and lose nothing", async (_name, subprotocol) => {
  const scene = await openScene({ maxOutboxBytes: MAX_OUTBOX_BYTES });
  const witness = await openClassic(scene, "t", "witness");
  const [publisher] = await openV1(scene, "t", "publisher");
  await openStalledReader(scene, subprotocol);
  expect(await publisher.next()).toMatchObject({ type: "peer-joined", peerId: "stalled" });
  await witness.take(2);

  const sent = await publishUntilOutboxFull(scene, publisher, witness);

  const received = await witness.take(sent.length + 1);
  expect(received.filter(({ type }) => type === "data").map(({ data }) => data)).toEqual(sent);
  expect(received.filter(({ type }) => type !== "data")).toEqual([
    { type: "peer-left", peerId: "stalled", topic: "t" },
  ]);
  expect(await publisher.next()).toMatchObject({ type: "peer-left", peerId: "stalled" });
  witness.socket.terminate();
  publisher.socket.terminate();
  await scene.expectUnharmed();
});

it("queues nothing more for a reader whose outbox was full, and tells it so with 1013 when it reads on after all", async () => {
  const scene = await openScene({ maxOutboxBytes: MAX_OUTBOX_BYTES, drainTimeoutMs: 5000 });
  const witness = await openClassic(scene, "t", "witness");
  const [publisher] = await openV1(scene, "t", "publisher");
  const reader = await openStalledReader(scene);
  await publisher.next();

  const sent = await publishUntilOutboxFull(scene, publisher, witness);
  for (let index = 0; index < 100; index += 1) publisher.send({ type: "data", topic: "t", data: "too late" });
  await publisher.settled();
  reader.resume();

  expect(await reader.closeCode()).toBe(1013);
  const readData = reader
    .messages()
    .filter((text) => text.includes('"type":"data"'))
    .map((text) => JSON.parse(text).data);
  expect(readData).toEqual(sent.slice(0, -1));
  reader.end();
  witness.socket.terminate();
  publisher.socket.terminate();
  await scene.expectUnharmed();
});

it("survives a topic in which every member but one stops reading at the same time", async () => {
  const scene = await openScene({ maxOutboxBytes: MAX_OUTBOX_BYTES });
  const [publisher] = await openV1(scene, "t", "publisher");
  for (let index = 0; index < 8; index += 1) await openStalledReader(scene);
  await publisher.take(8);

  for (let index = 0; index < MAX_MESSAGES && scene.figures().outboxesFull < 8; index += 1) {
    publisher.send({ type: "data", topic: "t", data: PAYLOAD });
    await publisher.settled();
  }

  expect(await publisher.take(8)).toMatchObject(Array.from({ length: 8 }, () => ({ type: "peer-left" })));
  expect(scene.figures().outboxesFull).toBe(8);
  publisher.socket.terminate();
  await scene.expectUnharmed();
});

it("forgets a stalled reader that half-closes its socket, with frames still waiting for it", async () => {
  const scene = await openScene({ sweepIntervalMs: 200 });
  const [publisher] = await openV1(scene, "t", "publisher");
  const reader = await openStalledReader(scene);
  await publisher.next();
  for (let index = 0; index < 200; index += 1) publisher.send({ type: "data", topic: "t", data: PAYLOAD });
  await publisher.settled();

  reader.end();

  let message = await publisher.next();
  // It is told of what is held of it meanwhile.
  while (message["type"] === "congested" || message["type"] === "relieved") message = await publisher.next();
  expect(message).toMatchObject({ type: "peer-left", peerId: "stalled" });
  publisher.socket.terminate();
  await scene.expectUnharmed();
});

it("takes no more messages from a client whose outbox is full", async () => {
  const scene = await openScene({ maxOutboxBytes: MAX_OUTBOX_BYTES, drainTimeoutMs: 5000 });
  const witness = await openClassic(scene, "t", "witness");
  const [publisher] = await openV1(scene, "t", "publisher");
  const reader = await openStalledReader(scene);
  await publisher.next();
  const sent = await publishUntilOutboxFull(scene, publisher, witness);

  reader.write(encodeFrame({ payload: '{"type":"data","data":"from the grave"}' }));
  reader.send({ type: "join", topic: "t", peerId: "risen" });
  reader.resume();
  await reader.closeCode();

  await witness.take(2 + sent.length + 1);
  await witness.expectNothing();
  witness.socket.terminate();
  publisher.socket.terminate();
  reader.end();
  await scene.expectUnharmed();
});
