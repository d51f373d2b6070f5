import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as after } from "node:timers/promises";
import { cpuMicros } from "./usage.ts";

/**
 * What a message costs that crosses between two processes of one machine: a Unix socket, and a write every 10 ms for all
 * that are due. No TLS, no WebSocket, no routing: the least that any bus between relays adds. Prints one line per rate.
 */
const MESSAGE_BYTES = 256;
const TICK_MS = 10;
const WARM_UP_MS = 1000;
const MEASURE_MS = 3000;
/** Messages a second. */
const RATES = [1000, 10_000, 100_000];

const path = process.argv[2];
if (path === undefined) await main();
else receive(path);

async function main(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "postern-bus-"));
  const socketPath = join(directory, "bus");
  const receiver = fork(import.meta.filename, [socketPath]);
  try {
    await once(receiver, "message");
    const socket = connect(socketPath);
    await once(socket, "connect");
    for (const rate of RATES) process.stdout.write(`${await measure(socket, receiver, rate)}\n`);
    socket.destroy();
  } finally {
    receiver.kill();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function measure(socket: Socket, { pid = 0 }: ChildProcess, rate: number): Promise<string> {
  let sent = 0;
  const beginMs = performance.now();
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - beginMs) * rate) / 1000);
    const batch: Buffer[] = [];
    for (; sent < due; sent += 1) batch.push(message());
    if (batch.length > 0) socket.write(Buffer.concat(batch));
  }, TICK_MS);
  await after(WARM_UP_MS);
  const before = { sent, own: cpuMicros(process.pid), other: cpuMicros(pid) };
  await after(MEASURE_MS);
  const count = sent - before.sent;
  const perMessage = (micros: number) => (micros / count).toFixed(2);
  clearInterval(timer);
  const own = perMessage(cpuMicros(process.pid) - before.own);
  const other = perMessage(cpuMicros(pid) - before.other);
  return `${rate} messages/s of ${MESSAGE_BYTES} bytes: ${own} µs to send, ${other} µs to receive`;
}

/** A length and a payload. */
function message(): Buffer {
  const bytes = Buffer.alloc(4 + MESSAGE_BYTES, "x");
  bytes.writeUInt32BE(MESSAGE_BYTES);
  return bytes;
}

/** Takes messages apart, and does nothing with them. */
function receive(socketPath: string): void {
  const server = createServer((socket) => {
    let rest: Buffer = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => {
      let bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      while (bytes.length >= 4 && bytes.length >= 4 + bytes.readUInt32BE(0)) {
        bytes = bytes.subarray(4 + bytes.readUInt32BE(0));
      }
      rest = bytes;
    });
  });
  server.listen(socketPath, () => process.send?.("ready"));
}
