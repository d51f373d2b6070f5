import { expect, it } from "vitest";
import { openClassic, openV1 } from "../support/client.ts";
import { eventually } from "../support/eventually.ts";
import { answerTo, encodeFrame, RawSocket, upgradeRequest } from "../support/raw-socket.ts";
import { openScene, type Scene } from "./attack-scene.ts";

const TOPIC = "secret-topic-7f3a";
const CLASSIC_ID = "secret-classic-peer-91bc";
const V1_ID = "secret-v1-peer-44d0";
const PAYLOAD = "secret-payload-c2e8";
const SIGNAL = "secret-signal-5b19";
const SECRETS = [
  TOPIC,
  CLASSIC_ID,
  V1_ID,
  PAYLOAD,
  SIGNAL,
  "secret-path-08aa",
  "secret-header-e6f1",
  "secret-query-d3d3",
];

/** All that the relay has logged, as it was written. */
function logOf(scene: Scene): string {
  return scene
    .logLines()
    .map((line) => JSON.stringify(line))
    .join("\n");
}

async function page(scene: Scene, path: string): Promise<string> {
  return answerTo(scene, `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
}

/** a classic client and two v1 clients in one topic, who use every message there is, and make mistakes. */
async function converse(scene: Scene): Promise<string[]> {
  const classic = await openClassic(scene, TOPIC, CLASSIC_ID);
  const [v1] = await openV1(scene, TOPIC, V1_ID);
  const [other, { peerHandle }] = await openV1(scene, TOPIC, `${V1_ID}-2`);
  classic.send({ type: "data", data: PAYLOAD });
  v1.send({ type: "data", topic: TOPIC, data: PAYLOAD });
  v1.send({ type: "data", topic: TOPIC, to: peerHandle, data: PAYLOAD });
  v1.send({ type: "offer", topic: TOPIC, to: peerHandle, payload: SIGNAL });
  v1.send({ type: "join", topic: TOPIC, peerId: CLASSIC_ID });
  v1.send({ type: "data", topic: `${TOPIC}-elsewhere`, data: PAYLOAD });
  v1.send({ type: PAYLOAD, topic: TOPIC });
  v1.send({ type: "join", topic: TOPIC.repeat(20) });
  v1.send(`{"broken": "${PAYLOAD}`);
  classic.send({ type: "join", topic: TOPIC.repeat(20), peerId: CLASSIC_ID });
  await classic.closed();
  v1.send(Buffer.from(PAYLOAD));
  await v1.settled();
  v1.socket.terminate();
  await other.settled();
  other.socket.terminate();
  return [...classic.texts, ...v1.texts].filter((text) => text.includes('"type":"error"'));
}

it("[TOPIC-15] tells no topic, peerId, payload, path or header in its log at trace level, nor in errors, nor on its pages", async () => {
  const scene = await openScene({ logLevel: "trace", statsIntervalMs: 100 });
  const keeper = await openClassic(scene, TOPIC, CLASSIC_ID);

  const errors = await converse(scene);
  const request = upgradeRequest(["X-Secret: secret-header-e6f1"], "/secret-path-08aa?secret-query-d3d3");
  const pages = [await answerTo(scene, request), await page(scene, "/stats"), await page(scene, "/health")];
  pages.push(await page(scene, "/"), await page(scene, "/secret-path-08aa?secret-query-d3d3"));
  await eventually(() => expect(logOf(scene).match(/topic statistics/g)?.length).toBeGreaterThan(1));

  expect(errors).toHaveLength(7);
  const told = [logOf(scene), ...errors, ...pages].join("\n");
  expect(SECRETS.filter((secret) => told.includes(secret))).toEqual([]);
  keeper.socket.terminate();
  await scene.expectUnharmed();
});

it("names a topic in its statistics by a hash that no one can look up", async () => {
  const scene = await openScene({ statsIntervalMs: 100 });
  const again = await openScene({ statsIntervalMs: 100 });

  await eventually(() => expect(topicHashes(scene)).toHaveLength(1));
  await eventually(() => expect(topicHashes(again)).toHaveLength(1));

  expect(topicHashes(scene)[0]).toMatch(/^[0-9a-f]{12}$/);
  expect(topicHashes(scene)).not.toEqual(topicHashes(again));
});

it("lets nobody write lines or escape codes into its log", async () => {
  const scene = await openScene({ logLevel: "trace", statsIntervalMs: 100 });
  const forged = '\r\n{"level":"fatal","msg":"forged"}\u001b[31m';
  const classic = await openClassic(scene, `t${forged}`, `p${forged}`);
  const [v1] = await openV1(scene, `t${forged}`, `q${forged}`);
  const raw = await RawSocket.openWebSocket(scene);

  v1.send({ type: forged, topic: forged });
  classic.send(forged);
  raw.write(encodeFrame({ opcode: 0x8, payload: Buffer.concat([Buffer.of(0x0f, 0xa0), Buffer.from(forged)]) }));
  await raw.closed();
  await answerTo(scene, upgradeRequest([`X-Forged: ${encodeURIComponent(forged)}`], `/${encodeURIComponent(forged)}`));
  await answerTo(scene, upgradeRequest(["X-Raw: \u001b[31mforged"], "/forged"));
  await answerTo(scene, `GET /forged\u001b[31m HTTP/1.1\r\nHost: forged\r\n\r\n`);
  await v1.settled();
  const linesBefore = scene.logLines().length;
  await eventually(() => expect(scene.logLines().length).toBeGreaterThan(linesBefore));

  expect(logOf(scene)).not.toContain("forged");
  expect(logOf(scene)).not.toContain("u001b");
  classic.socket.terminate();
  v1.socket.terminate();
  await scene.expectUnharmed();
});

/** The topics that statistics have named so far, each once. */
function topicHashes(scene: Scene): string[] {
  const reports = scene.logLines().filter(({ msg }) => msg === "topic statistics");
  const named = reports.flatMap(({ largest }) => largest as { topic: string }[]).map(({ topic }) => topic);
  return [...new Set(named)];
}
