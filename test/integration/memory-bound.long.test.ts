import { once } from "node:events";
import { readFileSync } from "node:fs";
import { get } from "node:https";
import { connect, type TLSSocket } from "node:tls";
import { expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { encodeClassicClientMessage } from "../../protocol/classic-client-messages.ts";
import { eventually } from "../support/eventually.ts";
import { Run } from "../support/process.ts";
import { encodeFrame } from "../support/raw-socket.ts";

const READERS = 1000;
const TOPICS = 10;
const FRAME = encodeClassicClientMessage({ type: "data", data: "x".repeat(60_000) });
/** What every sender has waiting, always: more would be memory of this process and prove no more. */
const AHEAD_BYTES = 1_000_000;
/** So many looks in a row at the same figure, each over a connection of its own: nothing moves any more. */
const STILL_LOOKS = 8;

const OPTIONS = {
  PORT: "0",
  HOST: "127.0.0.1",
  NODE_ENV: "test",
  MAX_CONNECTIONS: "1100",
  MAX_FRAME_BYTES: "65536",
  OUTBOX_HIGH_WATER_BYTES: "65536",
  MAX_OUTBOX_BYTES: "262144",
  STALLED_READER_TIMEOUT_MS: "600000",
  SLOW_READER_TIMEOUT_MS: "600000",
  SWEEP_INTERVAL_MS: "600000",
  // The relay is as busy as it can be while it is asked for its figures.
  HANDSHAKE_TIMEOUT_MS: "120000",
};

it("stays under the memory bound that it prints, with 1,000 readers over TLS that never read", async () => {
  const relay = new Run(["relay/main.ts"], { env: OPTIONS });
  const [, port] = await relay.printed(/"port":(\d+)/);
  const [, boundMiB] = await relay.printed(/"memoryBoundMiB":(\d+)/);
  for (let number = 0; number < READERS; number += 50) {
    await Promise.all(Array.from({ length: 50 }, (_, index) => openReader(Number(port), (number + index) % TOPICS)));
  }

  await eventually(async () => expect(await stats(Number(port))).toMatchObject({ peers: READERS }));
  const senders = await Promise.all(Array.from({ length: TOPICS }, (_, topic) => openSender(Number(port), topic)));
  const sending = setInterval(() => senders.forEach(sendAhead), 5);
  onTestFinished(() => clearInterval(sending));

  // Every sender is kept waiting, and stays so: the relay has taken all that it will.
  await eventually(async () => expect((await stats(Number(port)))["pauses"]).toBeGreaterThanOrEqual(TOPICS));
  const looks: unknown[] = [];
  await eventually(async () => {
    looks.push((await stats(Number(port)))["bytes"]);
    expect(new Set(looks.slice(-STILL_LOOKS)).size === 1 && looks.length >= STILL_LOOKS).toBe(true);
  });
  expect(await stats(Number(port))).toMatchObject({ peers: READERS + TOPICS, outboxes_full: 0 });
  expect(senders.every(({ bufferedAmount }) => bufferedAmount > 0)).toBe(true);
  expect(residentMiB(relay.pid)).toBeLessThan(Number(boundMiB));
});

function sendAhead(sender: WebSocket): void {
  while (sender.readyState === WebSocket.OPEN && sender.bufferedAmount < AHEAD_BYTES) sender.send(FRAME);
}

/** A reader that joins and then never reads: one raw socket, so that a thousand of them cost this process little. */
async function openReader(port: number, topic: number): Promise<void> {
  const socket: TLSSocket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false });
  onTestFinished(() => void socket.destroy());
  socket.on("error", () => undefined);
  await once(socket, "secureConnect");
  socket.write(
    "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n",
  );
  await once(socket, "data");
  socket.write(encodeFrame({ payload: encodeClassicClientMessage({ type: "join", topic: `topic ${topic}` }) }));
  socket.pause();
}

async function openSender(port: number, topic: number): Promise<WebSocket> {
  const sender = new WebSocket(`wss://127.0.0.1:${port}`, { rejectUnauthorized: false });
  onTestFinished(() => sender.terminate());
  await once(sender, "open");
  sender.send(encodeClassicClientMessage({ type: "join", topic: `topic ${topic}` }));
  return sender;
}

async function stats(port: number): Promise<Record<string, unknown>> {
  const request = get({ port, host: "127.0.0.1", path: "/stats", rejectUnauthorized: false, agent: false });
  const [response] = (await once(request, "response")) as [AsyncIterable<Buffer>];
  let text = "";
  for await (const chunk of response) text += String(chunk);
  return JSON.parse(text) as Record<string, unknown>;
}

function residentMiB(pid: number): number {
  const [, kibibytes] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kibibytes) / 1024;
}
