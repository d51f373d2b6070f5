import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { get } from "node:https";
import { setTimeout as pause } from "node:timers/promises";
import { connect } from "node:tls";
import { expect, it } from "vitest";
import { shownTo } from "../support/acme-scene.ts";
import { CertificateFiles, makePair } from "../support/certificate-files.ts";
import { eventually } from "../support/eventually.ts";
import { TEST_TIMEOUT_MS } from "../support/patience.ts";
import { Run } from "../support/process.ts";
import { join, type SoakedRelay, SteadyTopic } from "./soak-members.ts";

/** `SOAK_MINUTES`, two hours unless set. */
const SOAK_MS = Number(process.env["SOAK_MINUTES"] ?? 120) * 60_000;
const STEADY_TOPICS = 4;
const SEND_EVERY_MS = 20;
const KILL_EVERY_MS = 50;
const STALL_EVERY_MS = 3000;
const RENEW_EVERY_MS = 20_000;
const SAMPLE_EVERY_MS = 1000;
/** What a stalled reader does not read: more than the buffers of the operating system and its outbox. */
const STALLED_BYTES = 8_388_608;
const LARGE = JSON.stringify({ type: "data", data: "x".repeat(60_000) });
/** A heap that is not collected yet is no leak. */
const ALLOWANCE_MIB = 16;

const OPTIONS = {
  PORT: "0",
  HOST: "127.0.0.1",
  TLS: "files",
  OUTBOX_HIGH_WATER_BYTES: "262144",
  MAX_OUTBOX_BYTES: "1048576",
  STALLED_READER_TIMEOUT_MS: "500",
};

it("serves for hours while clients are killed, readers stall and certificates are renewed: loses nothing, keeps nothing", {
  timeout: SOAK_MS + 10 * TEST_TIMEOUT_MS,
}, async () => {
  const files = new CertificateFiles(makePair("first"));
  const env = { ...OPTIONS, TLS_KEY_FILE: files.keyFile, TLS_CERT_FILE: files.certificateFile };
  const run = new Run(["relay/main.ts"], { env });
  const relay = { port: Number((await run.printed(/"port":(\d+)/))[1]) };
  const steady = await Promise.all(
    Array.from({ length: STEADY_TOPICS }, (_, index) => SteadyTopic.open(relay, `steady ${index}`)),
  );
  const before = await holdings(relay, run.pid);
  const memory: number[] = [];
  const failures: string[] = [];
  const endMs = performance.now() + SOAK_MS;
  const repeat = async (everyMs: number, act: () => unknown): Promise<void> => {
    while (performance.now() < endMs) {
      try {
        await act();
      } catch (error) {
        failures.push(String(error));
      }
      await pause(everyMs);
    }
  };

  await Promise.all([
    repeat(SEND_EVERY_MS, () => steady.forEach((topic) => topic.send())),
    repeat(KILL_EVERY_MS, () => kill(relay)),
    repeat(STALL_EVERY_MS, () => stall(relay)),
    repeat(RENEW_EVERY_MS, () => renew(relay, files)),
    repeat(SAMPLE_EVERY_MS, () => memory.push(residentMiB(run.pid))),
  ]);

  expect(failures).toEqual([]);
  await eventually(() => expect(steady.map(({ isRead }) => isRead)).toEqual(steady.map(() => true)));
  expect(steady.flatMap(({ faults }) => faults)).toEqual([]);
  expect(steady[0]?.sentCount).toBeGreaterThan(SOAK_MS / (10 * SEND_EVERY_MS));
  await eventually(async () => {
    expect(await holdings(relay, run.pid)).toEqual(before);
  });
  const [early, late] = [largest(memory, 1 / 4, 1 / 2), largest(memory, 3 / 4, 1)];
  process.stdout.write(
    `soak: ${memory.length} samples of memory, ${early} MiB in the second quarter, ${late} in the last\n`,
  );
  expect(late).toBeLessThan(early * 1.1 + ALLOWANCE_MIB);
  expect(run.stdout).not.toMatch(/"level":"(error|fatal)"/);
  run.signal("SIGTERM");
  expect(await run.exitCode()).toBe(0);
});

/** A client that goes away without a word: in the handshake, after it, or as a member. */
async function kill(relay: SoakedRelay): Promise<void> {
  const chance = Math.random();
  if (chance < 0.3) {
    const socket = connect({ port: relay.port, host: "127.0.0.1", rejectUnauthorized: false });
    socket.on("error", () => undefined);
    await once(socket, chance < 0.15 ? "connect" : "secureConnect");
    socket.destroy();
    return;
  }
  const member = await join(relay, `killed ${Math.floor(chance * 10)}`, chance < 0.6 ? ["postern.v1"] : []);
  member.send(JSON.stringify({ type: "data", topic: `killed ${Math.floor(chance * 10)}`, data: "last words" }));
  member.terminate();
}

/** A reader that stops reading, until the relay ends it. Then its sender goes too. */
async function stall(relay: SoakedRelay): Promise<void> {
  const { stalled_readers: before } = await stats(relay);
  const reader = await join(relay, "stalled");
  const sender = await join(relay, "stalled");
  reader.pause();
  for (let sent = 0; sent < STALLED_BYTES; sent += LARGE.length) sender.send(LARGE);
  await eventually(async () => expect((await stats(relay)).stalled_readers).toBeGreaterThan(before));
  reader.terminate();
  sender.terminate();
}

/** Puts another certificate in place, and waits until new connections are shown it. */
async function renew({ port }: SoakedRelay, files: CertificateFiles): Promise<void> {
  const next = makePair(`renewed ${Date.now()}`);
  files.replace(next);
  const leaf = new X509Certificate(next.certificate).fingerprint256;
  await eventually(async () => {
    expect(new X509Certificate(await shownTo(port, "localhost")).fingerprint256).toBe(leaf);
  });
}

/** What the relay tells of itself at `/stats`. */
type Stats = {
  readonly connections: number;
  readonly peers: number;
  readonly topics: number;
  readonly stalled_readers: number;
};

async function stats({ port }: SoakedRelay): Promise<Stats> {
  const asked = get({ port, host: "127.0.0.1", path: "/stats", rejectUnauthorized: false, agent: false });
  const [response] = (await once(asked, "response")) as [AsyncIterable<Buffer>];
  let text = "";
  for await (const chunk of response) text += String(chunk);
  return JSON.parse(text) as Stats;
}

/** What a relay holds for its clients, which has to be the same before and after. */
async function holdings(relay: SoakedRelay, pid: number): Promise<object> {
  const { connections, peers, topics } = await stats(relay);
  return { connections, peers, topics, descriptors: readdirSync(`/proc/${pid}/fd`).length };
}

function residentMiB(pid: number): number {
  const [, kibibytes] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Math.round(Number(kibibytes) / 1024);
}

/** The largest of a part of what was sampled. */
function largest(samples: readonly number[], from: number, to: number): number {
  return Math.max(...samples.slice(Math.floor(samples.length * from), Math.ceil(samples.length * to)));
}
