import { expect, it } from "vitest";
import type { ErrorCode } from "../../protocol/error-codes.ts";
import { Client, openV1 } from "../support/client.ts";
import { openScene } from "./attack-scene.ts";

const MEBIBYTE = 1_048_576;
const NESTED = `${"[".repeat(MEBIBYTE / 2)}${"]".repeat(MEBIBYTE / 2)}`;
/** More than a message may have that is neither data nor a signal. */
const LONG = "x".repeat(16_384);
/** One more than the payload of a signal may have. */
const LONG_PAYLOAD = "x".repeat(65_537);

/** A message as sent, text or object, and the code with which it is refused. */
type Refused = readonly [message: string | object, code: ErrorCode];

const NOT_MESSAGES: readonly Refused[] = [
  ...'|not json|null|true|42|"text"|[]|[1,2]|{|{}|[{"type":"join","topic":"t"}]'.split("|"),
  { type: null },
  { type: 7 },
  { type: ["join"], topic: "t" },
  { type: "JOIN", topic: "t" },
  { type: "unknown" },
  { type: "__proto__" },
  { type: "constructor" },
  { type: "toString" },
  { type: "invalid" },
  { type: "joined", topic: "t" },
  { type: "peer-joined", topic: "t", peerId: "forged" },
  { type: "error", code: "forged" },
  { type: "pong", ref: undefined },
  ...[null, 7, true, {}, [], "\ud800", "x".repeat(32_769), "é".repeat(16_385)].map((pad) => ({ type: "ping", pad })),
  // Whose bytes are more than 48 KiB, though its pad is not too long.
  `{"type":"ping","pad":"${"\\u0061".repeat(8192)}"}`,
  { type: "ping", more: "x".repeat(49_152) },
  '{"__proto__":{"type":"join","topic":"t"}}',
  '{"constructor":{"prototype":{"type":"join","topic":"t"}}}',
  '\ufeff{"type":"join","topic":"t"}',
  "[".repeat(MEBIBYTE),
  '{"type":'.repeat(MEBIBYTE / 8),
  NESTED,
  `{"type":"join","topic":"t","ref":${NESTED}}`,
  `{"type":"data","topic":"t","data":${NESTED}}`,
  // Only data, signals and pings may be longer than 16 KiB, wherever their type stands.
  { type: "join", topic: "t", more: LONG },
  { more: LONG, type: "join", topic: "t" },
  { type: "leave", topic: "t", more: LONG },
  { type: "auth", token: LONG },
  { type: "unknown", more: LONG },
  `{"type":"data","type":"join","topic":"t","more":"${LONG}"}`,
  `{"type":"join","topic":"t","more":"${LONG}","t\\u0079pe":"leave"}`,
].map((message) => [message, "bad-message"] as const);

const BROKEN_REFS: readonly Refused[] = [-1, 1.5, 4_294_967_296, "1", null, true, {}, [1]].map(
  (ref) => [{ type: "join", topic: "t", ref }, "ref-invalid"] as const,
);

const BROKEN_TOPICS: readonly Refused[] = [null, 42, true, [], {}, "t".repeat(257), "é".repeat(129), "t\ud800"].flatMap(
  (topic): Refused[] => [
    [{ type: "join", topic }, "topic-invalid"],
    [{ type: "leave", topic }, "topic-invalid"],
    [{ type: "data", topic, data: "x" }, "topic-invalid"],
    [{ type: "offer", topic, to: 1, payload: "x" }, "topic-invalid"],
  ],
);

const BROKEN_PEER_IDS: readonly Refused[] = [
  null,
  "",
  42,
  false,
  [],
  {},
  "p".repeat(129),
  "é".repeat(65),
  "\udc00",
].map((peerId) => [{ type: "join", topic: "t", peerId }, "peer-id-invalid"] as const);

const TOO_MANY = Array.from({ length: 65 }, (_, index) => index + 1);
const BROKEN_ADDRESSEES: readonly Refused[] = [
  0,
  -1,
  1.5,
  4_294_967_296,
  "1",
  null,
  true,
  {},
  [],
  [0],
  TOO_MANY,
].flatMap((to): Refused[] => [
  [{ type: "data", topic: "t", to, data: "x" }, "to-invalid"],
  [{ type: "candidate", topic: "t", to, payload: "x" }, "to-invalid"],
]);

const BROKEN_PAYLOADS: readonly Refused[] = [undefined, null, "", 42, ["x"], { length: 1 }].flatMap(
  (value): Refused[] => [
    [{ type: "data", topic: "t", data: value }, "data-required"],
    [{ type: "answer", topic: "t", to: 1, payload: value }, "payload-invalid"],
  ],
);

const BROKEN_PRESENCES: readonly Refused[] = [
  null,
  7,
  true,
  {},
  ["x"],
  "\ud800",
  "x".repeat(1025),
  "é".repeat(513),
  "x".repeat(MEBIBYTE),
].flatMap((presence): Refused[] => [
  [{ type: "join", topic: "t", presence }, "bad-message"],
  [{ type: "presence", topic: "t", presence }, "bad-message"],
]);

const REFUSED: readonly Refused[] = [
  ...NOT_MESSAGES,
  ...BROKEN_REFS,
  ['{"type":"join","topic":"t","ref":1e999}', "ref-invalid"],
  ...BROKEN_TOPICS,
  [{ type: "join" }, "topic-required"],
  [{ type: "join", topic: "" }, "topic-required"],
  ['{"type":"join","__proto__":{"topic":"inherited"}}', "topic-required"],
  [{ type: "leave" }, "topic-invalid"],
  [{ type: "data", data: "x" }, "topic-invalid"],
  [{ type: "leave", topic: "" }, "topic-invalid"],
  ...BROKEN_PEER_IDS,
  ...BROKEN_PRESENCES,
  [{ type: "presence", topic: "t" }, "bad-message"],
  [{ type: "presence", presence: "x" }, "topic-invalid"],
  ...BROKEN_ADDRESSEES,
  [{ type: "offer", topic: "t", payload: "x" }, "to-invalid"],
  [{ type: "offer", topic: "t", to: [1], payload: "x" }, "to-invalid"],
  ...BROKEN_PAYLOADS,
  [{ type: "offer", topic: "t", to: 1, payload: LONG_PAYLOAD }, "payload-invalid"],
  [{ type: "offer", topic: "t", to: 1, payload: "\ud800" }, "payload-invalid"],
];

const NOT_JOINED: readonly Refused[] = [
  [{ type: "data", topic: "t", data: "x" }, "not-joined"],
  [{ type: "data", topic: "__proto__", data: "x" }, "not-joined"],
  [{ type: "data", topic: "bystanders", data: "x" }, "not-joined"],
  [{ type: "data", topic: "bystanders", to: 1, data: "x" }, "not-joined"],
  [{ type: "leave", topic: "bystanders" }, "not-joined"],
  [{ type: "presence", topic: "bystanders", presence: "x" }, "not-joined"],
  [{ type: "offer", topic: "bystanders", to: 1, payload: "x" }, "not-joined"],
];

it("answers every broken message of a v1 client that has not joined with its code, and its socket stays open", async () => {
  const scene = await openScene();
  const client = await Client.openV1(scene);
  const refused = [...REFUSED, ...NOT_JOINED];

  for (const [message] of refused) client.send(message);

  const answers = await client.take(refused.length);
  expect(answers.map(({ type, code }) => [type, code])).toEqual(refused.map(([, code]) => ["error", code]));
  await client.expectNothing();
  client.socket.terminate();
  await scene.expectUnharmed();
});

it("answers every broken message of a v1 client that has joined with its code, and then relays what is sound", async () => {
  const scene = await openScene();
  const [witness] = await openV1(scene, "t", "witness");
  const [client] = await openV1(scene, "t", "noisy");

  for (const [message] of REFUSED) client.send(message);
  client.send({ type: "data", topic: "t", data: "sound" });

  const answers = await client.take(REFUSED.length);
  expect(answers.map(({ code }) => code)).toEqual(REFUSED.map(([, code]) => code));
  expect(await witness.take(2)).toMatchObject([
    { type: "peer-joined", peerId: "noisy" },
    { type: "data", peerId: "noisy", data: "sound" },
  ]);
  await client.expectNothing();
  witness.socket.terminate();
  client.socket.terminate();
  await scene.expectUnharmed();
});

it("repeats the ref in an error only where it is one", async () => {
  const scene = await openScene();
  const client = await Client.openV1(scene);

  client.send({ type: "unknown", ref: 0 });
  client.send({ type: "unknown", ref: 4_294_967_295 });
  client.send({ type: "unknown", ref: 4_294_967_296 });
  client.send({ type: "leave", topic: "t", ref: 7 });
  client.send('{"type":"unknown","__proto__":{"ref":5}}');

  expect((await client.take(5)).map(({ ref }) => ref)).toEqual([0, 4_294_967_295, undefined, 7, undefined]);
  client.socket.terminate();
  await scene.expectUnharmed();
});

it("lets no v1 client reach a member of a topic that it is not in, nor itself, nor one who left", async () => {
  const scene = await openScene();
  const [client, { peerHandle }] = await openV1(scene, "t", "p");
  const [gone, { peerHandle: goneHandle }] = await openV1(scene, "t", "gone");
  gone.send({ type: "leave", topic: "t" });
  await gone.settled();
  await client.take(2);

  for (const to of [peerHandle, goneHandle, 4_294_967_295]) {
    client.send({ type: "data", topic: "t", to, data: "x" });
    client.send({ type: "offer", topic: "t", to, payload: "x" });
  }

  expect((await client.take(6)).map(({ code }) => code)).toEqual(Array.from({ length: 6 }, () => "no-such-peer"));
  await gone.next();
  await gone.expectNothing();
  client.socket.terminate();
  gone.socket.terminate();
  await scene.expectUnharmed();
});

it("lets no v1 client take another member's name", async () => {
  const scene = await openScene();
  const [owner] = await openV1(scene, "t", "owner");
  const [thief] = await openV1(scene, "t", "thief");

  thief.send({ type: "join", topic: "t", peerId: "owner" });
  thief.send({ type: "data", topic: "t", data: "x", peerId: "owner", peerHandle: 1 });

  expect(await thief.next()).toMatchObject({ type: "error", code: "peer-id-taken" });
  expect(await owner.take(2)).toMatchObject([
    { type: "peer-joined", peerId: "thief" },
    { type: "data", peerId: "thief" },
  ]);
  owner.socket.terminate();
  thief.socket.terminate();
  await scene.expectUnharmed();
});

it.each([
  ["at their bounds in one-byte characters", "t".repeat(256), "p".repeat(128)],
  ["at their bounds in two-byte characters", "é".repeat(128), "ü".repeat(64)],
  ["at their bounds in four-byte characters", "🚪".repeat(64), "🚪".repeat(32)],
  ["of the prototype of all objects", "__proto__", "constructor"],
  ["of control characters", "\u0000\r\n\u001b[2J", "\u0000\u0007\u007f"],
])("takes a v1 client's names %s as names", async (_name, topic, peerId) => {
  const scene = await openScene();
  const [witness] = await openV1(scene, topic, "witness");

  const [client, joined] = await openV1(scene, topic, peerId);
  client.send({ type: "data", topic, data: "here" });

  expect(joined).toMatchObject({ type: "joined", topic, peerId });
  expect(await witness.take(2)).toMatchObject([
    { type: "peer-joined", peerId, topic },
    { type: "data", peerId, topic, data: "here" },
  ]);
  witness.socket.terminate();
  client.socket.terminate();
  await scene.expectUnharmed();
});

it.each([
  ["sound JSON", Buffer.from('{"type":"join","topic":"t"}')],
  ["bytes that are no text", Buffer.of(0xff, 0x00, 0xfe)],
  ["nothing", Buffer.of()],
  ["a header alone", Buffer.from([1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0])],
  ["a kind that there is not", Buffer.from([2, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 7])],
  ["flags that there are not", Buffer.from([1, 2, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 7])],
  ["reserved bytes in use", Buffer.from([1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 7])],
  ["an addressee without the flag for it", Buffer.from([1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 7])],
  ["the flag for an addressee without one", Buffer.from([1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 7])],
])("answers a binary frame of %s with bad-message, and goes on", async (_name, bytes) => {
  const scene = await openScene();
  const [witness] = await openV1(scene, "t", "witness");
  const [client] = await openV1(scene, "t", "p");
  await witness.next();

  client.send(bytes);

  expect(await client.next()).toMatchObject({ type: "error", code: "bad-message" });
  await witness.expectNothing();
  client.socket.terminate();
  witness.socket.terminate();
  await scene.expectUnharmed();
});
