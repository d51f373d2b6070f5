import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type NoiseSecretStream from "@hyperswarm/secret-stream";
import { afterAll, beforeAll, expect, onTestFinished } from "vitest";
import { connect } from "../../client/node.ts";
import { hyperswarm } from "../../client/node-hyperswarm.ts";
import { newSecret } from "../../client/sealing/secret.ts";
import { streamsOf } from "../../client/streams.ts";
import { authorizedTls, BARE } from "../support/bare.ts";
import { eventually } from "../support/eventually.ts";
import { InstalledClient } from "../support/installed-client.ts";
import { LineProcess } from "../support/line-process.ts";
import { startRelay } from "../support/relay.ts";
import { itOnBare } from "../support/requires.ts";

const MEGABYTE = 1024 * 1024;

const client = new InstalledClient();
let folder = "";
const it = itOnBare();

beforeAll(async () => {
  await client.install();
  folder = client.copy("test/package/bare", "bare");
});

afterAll(() => client.remove());

/** Starts a program on Bare. @returns what it prints */
function startBare(
  program: string,
  ...rest: readonly string[]
): { readonly run: LineProcess; readonly lines: string[] } {
  const lines: string[] = [];
  const words = [join(folder, program), ...rest];
  return { run: new LineProcess([BARE, ...words], (line) => lines.push(line)), lines };
}

it("meets a peer on Node by Hyperswarm over TLS, and stays connected over a restart of the relay", async () => {
  const { ca, config } = authorizedTls();
  const relay = await startRelay(config);
  const topic = randomBytes(32);
  const { lines } = startBare("swarm.mjs", relay.url, topic.toString("hex"), ca);
  const swarm = hyperswarm({ relays: relay.url, tls: { ca } });
  onTestFinished(() => swarm.destroy());
  const met = once(swarm, "connection") as Promise<[NoiseSecretStream]>;
  swarm.join(topic);
  const [connection] = await met;
  connection.on("error", () => undefined);
  const back: Buffer[] = [];
  connection.on("data", (data) => back.push(data as Buffer));
  const sent = [randomBytes(MEGABYTE), randomBytes(MEGABYTE)];
  connection.write(sent[0]);
  await eventually(() => expect(Buffer.concat(back).length).toBe(MEGABYTE));

  await relay.stop();
  connection.write(sent[1]);
  await startRelay({ ...config, port: relay.port });
  await eventually(() => expect(Buffer.concat(back).length).toBe(2 * MEGABYTE));

  expect(Buffer.concat(back).equals(Buffer.concat(sent))).toBe(true);
  expect(lines).toEqual([
    `key ${connection.remotePublicKey.toString("hex")}`,
    `open ${Buffer.from(swarm.keyPair.publicKey).toString("hex")}`,
  ]);
});

it("keeps little of a stream that its app does not read, and gives it whole when it does", async () => {
  const { ca, config } = authorizedTls();
  const relay = await startRelay(config);
  const secret = newSecret();
  const { run } = startBare("reader.mjs", relay.url, secret, ca);
  const here = connect(relay.url, { tls: { ca } });
  onTestFinished(() => here.close());
  const topic = await here.join({ secret });
  const heard: string[] = [];
  topic.on("message", ({ text }) => heard.push(text));
  await eventually(() => expect(heard).toEqual(["ready"]));
  const [peer = ""] = topic.peers.keys();
  const stream = await streamsOf(topic).open(peer, "much");
  await eventually(() => expect(heard).toEqual(["ready", "has it"]));
  const beforeBytes = residentBytes(run.pid);
  const piece = randomBytes(MEGABYTE);
  const writing = writeMuch(stream.writable.getWriter(), piece);
  await eventually(() => expect(writing.writtenBytes).toBeGreaterThan(0));
  await untilStill(() => writing.writtenBytes);
  const [writtenBytes, grownBytes] = [writing.writtenBytes, residentBytes(run.pid) - beforeBytes];

  expect(writtenBytes).toBeLessThan(TOTAL_BYTES);
  expect(grownBytes).toBeLessThan(TOTAL_BYTES / 2);
  await topic.broadcast("read");
  await writing.done;
  await eventually(() => expect(heard.slice(2)).toEqual([`${TOTAL_BYTES} bytes, ${sumOf(piece)}`]));
});

const TOTAL_BYTES = 50 * MEGABYTE;

function writeMuch(
  writer: WritableStreamDefaultWriter<Uint8Array>,
  piece: Uint8Array,
): { readonly writtenBytes: number; readonly done: Promise<void> } {
  let writtenBytes = 0;
  const write = async (): Promise<void> => {
    while (writtenBytes < TOTAL_BYTES) {
      await writer.write(new Uint8Array(piece));
      writtenBytes += piece.length;
    }
    await writer.close();
  };
  return {
    get writtenBytes() {
      return writtenBytes;
    },
    done: write(),
  };
}

/** Waits until a figure has not changed for two seconds. */
async function untilStill(figure: () => number): Promise<void> {
  let [last, sinceMs] = [figure(), performance.now()];
  await eventually(() => {
    if (figure() !== last) [last, sinceMs] = [figure(), performance.now()];
    expect(performance.now() - sinceMs).toBeGreaterThan(2000);
  });
}

/** What a process holds of the machine's memory. */
function residentBytes(pid: number): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kilobytes) * 1024;
}

function sumOf(piece: Uint8Array): number {
  const one = piece.reduce((sum, byte) => sum + byte, 0);
  return (one * (TOTAL_BYTES / piece.length)) % 65_521;
}
