import { once } from "node:events";
import { expect, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { SUBPROTOCOL_V1 } from "../../protocol/subprotocol.ts";
import { encodeBinaryClientData } from "../../protocol/v1-binary.ts";
import { Client, openV1, type Received } from "../support/client.ts";
import { eventually } from "../support/eventually.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";
import type { ClientProgram } from "./client-program.ts";
import { seesCloses } from "./closes.ts";
import { isRefused } from "./refusals.ts";
import type { ClientRow } from "./rows.ts";

/** What every client has to get through. */
export type Scenario = {
  readonly title: string;
  readonly run: (client: ClientProgram, row: ClientRow) => Promise<void>;
};

const V1 = { subprotocols: [SUBPROTOCOL_V1] };

const CROWD = 520;
/** Of a member's name: so long that a crowd does not fit into the smallest limit. */
const NAME_BYTES = 80;
const MAX_PAGE_BYTES = 18_432;

const SWEEP_INTERVAL_MS = 1000;
const PING_INTERVAL_MS = 500;
/** As many as come within two sweeps, which take one and a half intervals each. Shorter ones would judge a busy machine. */
const PINGS_IN_TWO_SWEEPS = 7;

/** Names that JSON writes six times as long: what makes the largest frame. */
const LONG_TOPIC = "\u0001".repeat(256);
const LONG_NAME = "\u0001".repeat(128);
/** What docs/protocol.md keeps for the rest of a message beside its payload. */
const ENVELOPE_BYTES = 3072;
const BINARY_HEADER_BYTES = 12;

export const scenarios: readonly Scenario[] = [
  { title: `hears of all ${CROWD} others in its topic`, run: joinsCrowd },
  { title: "stays in through two sweeps without a word", run: staysIn },
  { title: "takes the largest message as JSON", run: (client, row) => takesLargest(client, row, "json") },
  { title: "takes the largest message as bytes", run: (client, row) => takesLargest(client, row, "binary") },
  { title: "sees the close codes", run: seesCloses },
  { title: "is refused for each reason, and shows what it can of it", run: isRefused },
];

async function joinsCrowd(client: ClientProgram, { limitBytes = Number.POSITIVE_INFINITY }: ClientRow): Promise<void> {
  const relay = await startRelay({ tls: "off", maxUndecidedConnections: CROWD });
  await openCrowd(relay);

  await client.open(relay.url, V1);
  client.send({ type: "join", topic: "crowd" });
  const names = new Set<string>();
  for (let more = true; more; ) {
    const page = await client.nextJson();
    const members = page["members"] as readonly { readonly peerId: string; readonly peerHandle: number }[];
    for (const { peerId } of members) names.add(peerId);
    expect(Buffer.byteLength(JSON.stringify(page))).toBeLessThan(Math.min(limitBytes, MAX_PAGE_BYTES));
    more = page["more"] === true;
    if (more) client.send({ type: "members", topic: "crowd", after: members.at(-1)?.peerHandle });
  }

  expect(names.size).toBe(CROWD);
}

/** All join at once: of one after the other, each would cost a write to each of the others. */
async function openCrowd(relay: TestRelay): Promise<void> {
  const sockets = Array.from({ length: CROWD }, () => new WebSocket(relay.url, SUBPROTOCOL_V1));
  onTestFinished(() => {
    for (const socket of sockets) socket.terminate();
  });
  await Promise.all(sockets.map((socket) => once(socket, "open")));
  for (const [index, socket] of sockets.entries()) {
    const peerId = `member ${index} `.padEnd(NAME_BYTES, "x");
    socket.send(JSON.stringify({ type: "join", topic: "crowd", peerId, maxMembers: 1 }));
  }
  await eventually(() => expect(relay.figures().peers).toBe(CROWD));
}

async function staysIn(client: ClientProgram): Promise<void> {
  const relay = await startRelay({ sweepIntervalMs: SWEEP_INTERVAL_MS, pingIntervalMs: PING_INTERVAL_MS });
  await client.open(relay.url, V1);
  client.send({ type: "join", topic: "quiet" });
  expect(await client.nextJson()).toMatchObject({ type: "joined" });
  const [watcher] = await openV1(relay, "quiet", "watcher");
  const mute = new Client(new WebSocket(relay.url, { ca: relay.certificate, autoPong: false }));
  await once(mute.socket, "open");
  mute.send({ type: "join", topic: "elsewhere" });

  for (let count = 0; count < PINGS_IN_TWO_SWEEPS; count += 1) await once(watcher.socket, "ping");
  await mute.closed();
  watcher.send({ type: "data", topic: "quiet", data: "aGVsbG8=" });

  expect(await client.nextJson()).toMatchObject({ type: "peer-joined", peerId: "watcher" });
  expect(await client.nextJson()).toMatchObject({ type: "data", data: "aGVsbG8=" });
  expect(relay.figures()).toMatchObject({ swept: 1, peers: 2 });
}

async function takesLargest(
  client: ClientProgram,
  { limitBytes }: ClientRow,
  encoding: "json" | "binary",
): Promise<void> {
  const relay = await startRelay();
  const own = limitBytes === undefined ? undefined : largestPayload(limitBytes, encoding);
  await client.open(relay.url, V1);
  client.send({ type: "join", topic: LONG_TOPIC, encoding, maxPayloadBytes: own });
  const { limits } = await client.nextJson();
  const [sender, joined] = await openV1(relay, LONG_TOPIC, LONG_NAME);
  await client.nextJson();
  const sizeBytes = own ?? (limits as { readonly maxPayloadBytes: number }).maxPayloadBytes;

  sendBytes(sender, joined, sizeBytes);
  sendBytes(sender, joined, sizeBytes + 1);
  sendBytes(sender, joined, 1);

  const largest = expectedMessage(joined, sizeBytes, encoding);
  expect(await client.next()).toMatchObject({ event: encoding === "json" ? "text" : "binary", ...sizeAndSum(largest) });
  if (own === undefined) expect(await sender.next()).toMatchObject({ type: "error", code: "payload-too-large" });
  else expect(await client.nextJson()).toMatchObject({ type: "error", code: "omitted", sizeBytes: sizeBytes + 1 });
  expect(await client.next()).toMatchObject(sizeAndSum(expectedMessage(joined, 1, encoding)));
  if (limitBytes === undefined) return;
  client.send({ type: "join", topic: LONG_TOPIC, encoding });
  expect(await client.nextJson()).toMatchObject({ type: "joined" });
  sendBytes(sender, joined, limitBytes);
  await client.closed();
}

/** What a client says in `maxPayloadBytes` whose library takes messages of so many bytes. */
function largestPayload(limitBytes: number, encoding: "json" | "binary"): number {
  return encoding === "binary" ? limitBytes - BINARY_HEADER_BYTES : Math.floor((limitBytes - ENVELOPE_BYTES) / 4) * 3;
}

function sendBytes(sender: Client, joined: Received, sizeBytes: number): void {
  const topicHandle = Number(joined["topicHandle"]);
  sender.send(encodeBinaryClientData({ topicHandle, to: undefined, payload: Buffer.alloc(sizeBytes, "x") }));
}

function expectedMessage(joined: Received, sizeBytes: number, encoding: "json" | "binary"): Buffer {
  const { topic, topicHandle, peerId, peerHandle } = joined;
  const payload = Buffer.alloc(sizeBytes, "x");
  if (encoding === "json") {
    return Buffer.from(JSON.stringify({ type: "data", topic, peerId, peerHandle, data: payload.toString("base64") }));
  }
  const header = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32BE(Number(topicHandle), 4);
  header.writeUInt32BE(Number(peerHandle), 8);
  return Buffer.concat([header, payload]);
}

function sizeAndSum(message: Buffer): { readonly byteCount: number; readonly byteSum: number } {
  return { byteCount: message.length, byteSum: message.reduce((sum, byte) => sum + byte, 0) };
}
