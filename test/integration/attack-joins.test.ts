import { expect, it } from "vitest";
import { Client, openClassic, openV1 } from "../support/client.ts";
import { eventually } from "../support/eventually.ts";
import { encodeFrame, Opcode, RawSocket } from "../support/raw-socket.ts";
import { openScene } from "./attack-scene.ts";

const JOINS = 2000;
/** Somewhat more joins and leaves than one connection may have at once: the rest comes 20 times a second. */
const CHANGES = 330;
const JOIN_IN_TIME = { joinTimeoutMs: 200 };
/** 256 bytes of UTF-8 that take six times as many in JSON, less what a number needs: large answers for small joins. */
const LARGE_NAME = "\u0001".repeat(250);

it("holds no more topics for a v1 client than one connection may have, however often it joins", async () => {
  const scene = await openScene({ maxTopicsPerConnection: 20 });
  const client = await Client.openV1(scene);
  const before = scene.figures();

  for (let index = 0; index < JOINS; index += 1) client.send({ type: "join", topic: `t${index}`, ref: index });

  const answers = await client.take(JOINS);
  expect(answers.map(({ type, code }) => code ?? type)).toEqual([
    ...Array.from({ length: 20 }, () => "joined"),
    ...Array.from({ length: JOINS - 20 }, () => "too-many-topics"),
  ]);
  expect(scene.figures()).toMatchObject({ topics: before.topics + 20, peers: before.peers + 1 });
  client.socket.terminate();
  await scene.expectUnharmed();
});

it("lets a v1 client that is in all its topics leave one and join another", async () => {
  const scene = await openScene({ maxTopicsPerConnection: 1 });
  const [client] = await openV1(scene, "t1");

  client.send({ type: "join", topic: "t2" });
  client.send({ type: "join", topic: "t1", peerId: "renamed" });
  client.send({ type: "leave", topic: "t1" });
  client.send({ type: "join", topic: "t2" });

  expect((await client.take(4)).map(({ type, code }) => code ?? type)).toEqual([
    "too-many-topics",
    "joined",
    "peer-left",
    "joined",
  ]);
  client.socket.terminate();
  await scene.expectUnharmed();
});

it("has a classic client in one topic only, however often it joins", async () => {
  const scene = await openScene();
  const client = await Client.open(scene);
  const before = scene.figures();

  for (let index = 0; index < CHANGES; index += 1) client.send({ type: "join", topic: `t${index}` });
  await client.expectNothing();

  expect(scene.figures()).toMatchObject({ topics: before.topics + 1, peers: before.peers + 1 });
  const last = await openClassic(scene, `t${CHANGES - 1}`, "last");
  expect(await client.next()).toMatchObject({ type: "peer-joined", peerId: "last" });
  last.socket.terminate();
  client.socket.terminate();
  await scene.expectUnharmed();
});

it("has a v1 client in a topic once, however often it joins it under new names", async () => {
  const scene = await openScene();
  const [client] = await openV1(scene, "t", "p");
  const before = scene.figures();

  for (let index = 0; index < CHANGES; index += 1) client.send({ type: "join", topic: "t", peerId: `p${index}` });
  const answers = await client.take(CHANGES);

  expect(answers.at(-1)).toMatchObject({ type: "joined", peerId: `p${CHANGES - 1}`, members: [] });
  expect(scene.figures()).toMatchObject({ topics: before.topics, peers: before.peers });
  client.socket.terminate();
  await scene.expectUnharmed();
});

it("slows a v1 client that joins faster than it reads, and gives it every answer", async () => {
  const scene = await openScene({
    outboxHighWaterBytes: 16_384,
    maxOutboxBytes: 65_536,
    maxTopicsPerConnection: 10_000,
  });
  const raw = await RawSocket.openWebSocket(scene, "postern.v1");
  raw.pause();
  const joins = Array.from({ length: CHANGES }, (_, index) => ({ type: "join", topic: `${LARGE_NAME}${index}` }));
  const leaves = joins.map(({ topic }) => ({ type: "leave", topic }));
  const messages = [...joins, ...leaves].slice(0, CHANGES);

  for (const message of messages) raw.send(message);
  await new Promise((resolve) => {
    setTimeout(resolve, 500);
  });
  raw.resume();
  await eventually(() =>
    expect(raw.frames().filter(({ opcode }) => opcode === Opcode.text)).toHaveLength(messages.length),
  );

  expect(scene.figures().outboxesFull).toBe(0);
  raw.destroy();
  await scene.expectUnharmed();
});

it("closes a v1 client that sends broken messages without end and reads none of the errors", async () => {
  const scene = await openScene({ maxOutboxBytes: 65_536 });
  const raw = await RawSocket.openWebSocket(scene, "postern.v1");
  const messages = Buffer.concat(Array.from({ length: 500 }, () => encodeFrame({ payload: "{}" })));
  raw.pause();

  for (let round = 0; round < 1000 && scene.figures().outboxesFull === 0; round += 1) await raw.writeAndWait(messages);

  expect(scene.figures().outboxesFull).toBe(1);
  await scene.expectUnharmed();
});

it("closes every client that does not join in time with 1008", async () => {
  const scene = await openScene(JOIN_IN_TIME);

  const [classic, v1] = await Promise.all([Client.open(scene), Client.openV1(scene)]);

  expect(await classic.closed()).toMatchObject({ code: 1008 });
  expect(await v1.closed()).toMatchObject({ code: 1008 });
  await scene.expectUnharmed();
});

it("closes every client that sends all sorts of things but no join, and then takes no join from it any more", async () => {
  const scene = await openScene(JOIN_IN_TIME);
  const witness = await openClassic(scene, "t", "witness");
  const frames = [
    encodeFrame({ payload: '{"type":"join"}' }),
    encodeFrame({ payload: '{"type":"data","data":"x"}' }),
    encodeFrame({ opcode: Opcode.ping }),
    encodeFrame({ payload: "", isFinal: false }),
  ];
  const raws = await Promise.all(frames.map(async () => RawSocket.openWebSocket(scene)));

  for (const [index, raw] of raws.entries()) raw.write(frames[index] ?? "");
  const codes = await Promise.all(raws.map(async (raw) => raw.closeCode()));
  for (const raw of raws) raw.send({ type: "join", topic: "t" });
  await Promise.all(raws.map(async (raw) => raw.closed()));

  expect(codes).toEqual(frames.map(() => 1008));
  await witness.expectNothing();
  witness.socket.terminate();
  await scene.expectUnharmed();
});

it("keeps clients that joined in time, also one that has left again, past the time to join", async () => {
  const scene = await openScene(JOIN_IN_TIME);
  const classic = await openClassic(scene, "t", "classic");
  const [v1] = await openV1(scene, "t", "v1");
  const [left] = await openV1(scene, "t2");
  left.send({ type: "leave", topic: "t2" });
  const undecided = await Client.open(scene);

  await undecided.closed();

  classic.send({ type: "data", data: "still here" });
  expect((await v1.next())["data"]).toBe("still here");
  await left.settled();
  for (const client of [classic, v1, left]) client.socket.terminate();
  await scene.expectUnharmed();
});
