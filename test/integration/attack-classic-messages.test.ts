import { expect, it } from "vitest";
import { Client, openClassic } from "../support/client.ts";
import { openScene } from "./attack-scene.ts";

const MEBIBYTE = 1_048_576;
const NESTED = `${"[".repeat(MEBIBYTE / 2)}${"]".repeat(MEBIBYTE / 2)}`;

/** What no client should send, and the relay ignores, whether the client has joined or not. */
const NOISE: readonly string[] = [
  ...'|not json|null|true|42|-1e999|"text"|[]|[1,2]|{|{}|[{}]|{"type":"join","topic":"t"'.split("|"),
  '[{"type":"join","topic":"noise"}]',
  '\ufeff{"type":"join","topic":"noise"}',
  "{'type':'join','topic':'noise'}",
  '{"type":null}',
  '{"type":["join"],"topic":"noise"}',
  '{"type":{"toString":"join"},"topic":"noise"}',
  '{"type":"JOIN","topic":"noise"}',
  '{"type":"unknown"}',
  '{"type":"__proto__"}',
  '{"type":"constructor"}',
  '{"type":"toString"}',
  '{"type":"leave","topic":"noise"}',
  '{"type":"offer","topic":"noise","to":1,"payload":"x"}',
  '{"type":"peer-joined","peerId":"forged","topic":"noise"}',
  '{"type":"error","payload":"forged"}',
  '{"__proto__":{"type":"join","topic":"noise"}}',
  '{"constructor":{"prototype":{"type":"join","topic":"noise"}}}',
  '{"type":"data"}',
  '{"type":"data","data":""}',
  '{"type":"data","data":null}',
  '{"type":"data","data":42}',
  '{"type":"data","data":["x"]}',
  '{"type":"data","data":{"length":1}}',
  '{"type":"data","__proto__":{"data":"inherited"}}',
  "[".repeat(MEBIBYTE),
  '{"type":'.repeat(MEBIBYTE / 8),
  NESTED,
  `{"type":"data","data":${NESTED}}`,
  `{"type":"join","topic":"${"t".repeat(MEBIBYTE)}"}`,
];

const HOPELESS_JOINS: readonly (readonly [name: string, fields: object])[] = [
  ["a topic of 257 bytes", { topic: "t".repeat(257) }],
  ["a topic of 129 characters and 258 bytes", { topic: "é".repeat(129) }],
  ["a topic of 16,000 bytes", { topic: "t".repeat(16_000) }],
  ["a topic with half a surrogate pair", { topic: "t\ud800" }],
  ["a peerId of 129 bytes", { topic: "t", peerId: "p".repeat(129) }],
  ["a peerId of 65 characters and 130 bytes", { topic: "t", peerId: "é".repeat(65) }],
  ["a peerId with half a surrogate pair", { topic: "t", peerId: "\udc00" }],
  ["a number as peerId", { topic: "t", peerId: 42 }],
  ["an object as peerId", { topic: "t", peerId: { length: 1 } }],
];

it("ignores every broken message of a classic client that has not joined, and its socket stays open", async () => {
  const scene = await openScene();
  const client = await Client.open(scene);

  for (const text of NOISE) client.send(text);
  client.send({ type: "data", data: "before the join" });

  await client.expectNothing();
  client.socket.terminate();
  await scene.expectUnharmed();
});

it("[TOPIC-3] [TOPIC-11] ignores every broken message of a classic client that has joined, and then relays what is sound", async () => {
  const scene = await openScene();
  const witness = await openClassic(scene, "t", "witness");
  const client = await openClassic(scene, "t", "noisy");
  await client.next();

  for (const text of NOISE) client.send(text);
  client.send({ type: "data", data: "sound" });
  await client.expectNothing();

  expect(await witness.take(2)).toEqual([
    { type: "peer-joined", peerId: "noisy", topic: "t" },
    { type: "data", peerId: "noisy", data: "sound" },
  ]);
  witness.socket.terminate();
  client.socket.terminate();
  await scene.expectUnharmed();
});

it("answers every join of a classic client without a topic with an error, and its socket stays open", async () => {
  const scene = await openScene();
  const client = await Client.open(scene);
  const topics: readonly unknown[] = [undefined, null, "", 0, 42, true, [], ["t"], {}, { toString: "t" }];

  for (const topic of topics) client.send({ type: "join", topic, peerId: "p" });
  client.send('{"type":"join","__proto__":{"topic":"inherited"}}');

  const refusal = { type: "error", payload: "Topic is required for join" };
  expect(await client.take(topics.length + 1)).toEqual(Array.from({ length: topics.length + 1 }, () => refusal));
  await client.expectNothing();
  client.socket.terminate();
  await scene.expectUnharmed();
});

it("refuses every join of a classic client that can never succeed, says so once, and closes with 1008", async () => {
  const scene = await openScene();
  const clients = await Promise.all(HOPELESS_JOINS.map(async () => Client.open(scene)));

  for (const [index, client] of clients.entries()) {
    client.send({ type: "join", ...HOPELESS_JOINS[index]?.[1] });
    client.send({ type: "join", topic: "t", peerId: "second try" });
  }

  for (const [index, client] of clients.entries()) {
    expect((await client.closed()).code, HOPELESS_JOINS[index]?.[0]).toBe(1008);
    expect(client.texts, HOPELESS_JOINS[index]?.[0]).toEqual([expect.stringMatching(/^{"type":"error","payload":"A /)]);
  }
  await scene.expectUnharmed();
});

it("takes a classic client out of its topic when its next join is refused for good", async () => {
  const scene = await openScene();
  const witness = await openClassic(scene, "t", "witness");
  const client = await openClassic(scene, "t", "mover");
  await witness.next();

  client.send({ type: "join", topic: "t".repeat(257) });

  expect(await witness.next()).toEqual({ type: "peer-left", peerId: "mover", topic: "t" });
  await client.closed();
  witness.socket.terminate();
  await scene.expectUnharmed();
});

it.each([
  ["at their bounds in one-byte characters", "t".repeat(256), "p".repeat(128)],
  ["at their bounds in two-byte characters", "é".repeat(128), "ü".repeat(64)],
  ["at their bounds in four-byte characters", "🚪".repeat(64), "🚪".repeat(32)],
  ["of the prototype of all objects", "__proto__", "constructor"],
  ["of methods", "toString", "hasOwnProperty"],
  ["of control characters", "\u0000\r\n\u001b[2J", "\u0000\u0007\u007f"],
])("takes names %s as names", async (_name, topic, peerId) => {
  const scene = await openScene();
  const witness = await openClassic(scene, topic, "witness");

  const client = await openClassic(scene, topic, peerId);
  client.send({ type: "data", data: "here" });

  expect(await witness.take(2)).toEqual([
    { type: "peer-joined", peerId, topic },
    { type: "data", peerId, data: "here" },
  ]);
  witness.socket.terminate();
  client.socket.terminate();
  await scene.expectUnharmed();
});

it("ignores binary frames of a classic client unless they hold JSON", async () => {
  const scene = await openScene();
  const witness = await openClassic(scene, "t", "witness");
  const client = await Client.open(scene);

  for (const text of NOISE) client.send(Buffer.from(text));
  client.send(Buffer.of(0xff, 0xfe, 0x00));
  client.send(Buffer.from(JSON.stringify({ type: "join", topic: "t\u0000", peerId: "elsewhere" }), "utf16le"));
  client.send(Buffer.from('{"type":"join","topic":"t","peerId":"binary"}'));

  expect(await witness.next()).toEqual({ type: "peer-joined", peerId: "binary", topic: "t" });
  expect(await client.next()).toEqual({ type: "peer-joined", peerId: "witness", topic: "t" });
  await client.expectNothing();
  witness.socket.terminate();
  client.socket.terminate();
  await scene.expectUnharmed();
});
