import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { SUBPROTOCOL_V1 } from "../../protocol/subprotocol.ts";
import { eventually } from "../support/eventually.ts";
import { Run } from "../support/process.ts";

const CONNECTIONS = 100;
const TOPICS = 100;
const MESSAGE_BYTES = 1_048_576;
/** As long as names may be, of characters that take six bytes each in JSON. */
const LONG_NAME = "\u0001";
/** As long as what is shown may be, with one character for which the whole text takes two bytes each. */
const LONG_PRESENCE = `${"x".repeat(1021)}字`;
const FLOOD_MS = 5000;

/** A relay with a bound that a test can fill, and whose unread members are left alone. */
async function startBounded(more: Readonly<Record<string, string>> = {}) {
  const env = {
    PORT: "0",
    HOST: "127.0.0.1",
    TLS: "off",
    NODE_ENV: "test",
    MAX_CONNECTIONS: `${CONNECTIONS + 3}`,
    MAX_FRAME_BYTES: `${MESSAGE_BYTES}`,
    OUTBOX_HIGH_WATER_BYTES: "65536",
    MAX_OUTBOX_BYTES: "131072",
    STALLED_READER_TIMEOUT_MS: "600000",
    SLOW_READER_TIMEOUT_MS: "600000",
    SWEEP_INTERVAL_MS: "600000",
    ...more,
  };
  const run = new Run(["relay/main.ts"], { env });
  const [, port = ""] = await run.printed(/"port":(\d+)/);
  const [, boundMiB] = await run.printed(/"memoryBoundMiB":(\d+)/);
  return { run, port, boundMiB: Number(boundMiB), restMiB: peakMiB(run.pid) };
}

type Bounded = Awaited<ReturnType<typeof startBounded>>;

async function openV1({ port }: Bounded): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, SUBPROTOCOL_V1);
  onTestFinished(() => socket.terminate());
  socket.on("error", () => undefined);
  await once(socket, "open");
  return socket;
}

/** The most that was resident so far. */
function peakMiB(pid: number): number {
  const [, kibibytes] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kibibytes) / 1024;
}

/** Every connection in as many topics as it may be, all names as long as they may be, showing and sending something in each. */
async function fillMemberships(relay: Bounded): Promise<void> {
  for (let index = 0; index < CONNECTIONS; index += 1) {
    const socket = await openV1(relay);
    const left = new Set(Array.from({ length: TOPICS }, (_, topic) => topic));
    socket.on("message", (bytes: Buffer) => {
      const { type, ref } = JSON.parse(bytes.toString()) as { type?: string; ref?: number };
      if (type === "joined") left.delete(Number(ref));
    });
    for (let topic = 0; topic < TOPICS; topic += 1) {
      const start = `${index >> 1} ${topic} `;
      const name = start + LONG_NAME.repeat(256 - start.length);
      const peerId = `${index} ${LONG_NAME.repeat(120)}`;
      socket.send(JSON.stringify({ type: "join", topic: name, peerId, maxMembers: 0, ref: topic }));
      socket.send(JSON.stringify({ type: "presence", topic: name, presence: LONG_PRESENCE }));
      socket.send(JSON.stringify({ type: "data", topic: name, data: "x!" }));
    }
    await eventually(() => expect(left.size).toBe(0));
  }
}

/** Text that is dear to parse for its bytes: characters of two bytes in memory, and structure that is too much. */
async function floodParser(relay: Bounded): Promise<void> {
  const room = Math.floor(((MESSAGE_BYTES - 3072) * 3) / 4) - 3;
  const texts = [
    JSON.stringify({ data: `${"x".repeat(room)}字`, type: "data", topic: "parsed" }),
    `{"type":"x","a":[${"{},".repeat(300_000)}{}]}`,
    JSON.stringify({ more: `${"x".repeat(room)}字`, type: "join", topic: "parsed" }),
  ];
  const sockets = await Promise.all(texts.map(async () => openV1(relay)));
  for (const socket of sockets) socket.send(JSON.stringify({ type: "join", topic: "parsed" }));
  const endsAtMs = performance.now() + FLOOD_MS;
  while (performance.now() < endsAtMs) {
    for (const [index, socket] of sockets.entries()) {
      if (socket.bufferedAmount < 4 * MESSAGE_BYTES) socket.send(texts[index] ?? "");
    }
    await sleep(2);
  }
}

/** A reader that reads nothing, and what is held for it. */
async function fillHolds(relay: Bounded): Promise<void> {
  const reader = await openV1(relay);
  reader.send(JSON.stringify({ type: "join", topic: "held" }));
  await once(reader, "message");
  reader.pause();
  const sender = await openV1(relay);
  sender.send(JSON.stringify({ type: "join", topic: "held" }));
  const data = "x".repeat(Math.floor(MESSAGE_BYTES / 2));
  for (let count = 0; count < 20; count += 1) sender.send(JSON.stringify({ type: "data", topic: "held", data }));
  await sleep(500);
}

it.each([
  ["in as many topics as they may be", {}, [fillMemberships]],
  ["whose text is dear to parse", {}, [floodParser]],
  ["that are held for one that does not read", {}, [fillHolds]],
  ["that do all of it at once", { MAX_CONNECTIONS: `${CONNECTIONS + 8}` }, [fillMemberships, fillHolds, floodParser]],
])("stays under its bound with connections %s", async (_name, options, fills) => {
  const relay = await startBounded(options);

  for (const fill of fills) await fill(relay);

  expect(peakMiB(relay.run.pid)).toBeGreaterThan(relay.restMiB);
  expect(peakMiB(relay.run.pid)).toBeLessThan(relay.boundMiB);
});

it("keeps memberships within what its bound has for them, and for a connection that is in none", async () => {
  const relay = await startBounded();

  await fillMemberships(relay);

  const [membershipMiB, connectionMiB] = [(TOPICS * 10_240) / 1_048_576, 65_536 / 1_048_576];
  expect(peakMiB(relay.run.pid) - relay.restMiB).toBeLessThan(CONNECTIONS * (membershipMiB + connectionMiB));
});
