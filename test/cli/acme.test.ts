import { EventEmitter } from "node:events";
import { afterAll, beforeAll, expect, onTestFailed, onTestFinished } from "vitest";
import { run } from "../../relay/cli/program.ts";
import { type Clock, systemClock } from "../../relay/clock.ts";
import { loadConfig } from "../../relay/config/load.ts";
import { createLogger } from "../../relay/observability/logger.ts";
import { createRelay } from "../../relay/relay.ts";
import { AcmeSource } from "../../relay/tls/acme/acme-source.ts";
import { AlpnChallenges } from "../../relay/tls/alpn-challenges.ts";
import { acmeOptions, createStore } from "../../relay/tls/create-source.ts";
import { Pebble } from "../../scripts/loopback/pebble.ts";
import { TEST_PACE } from "../support/acme-scene.ts";
import { makeFolder } from "../support/certificate-files.ts";
import { eventually } from "../support/eventually.ts";
import { Run } from "../support/process.ts";
import { collector } from "../support/relay.ts";
import { hasPebble, itWithPebble } from "../support/requires.ts";

const it = itWithPebble();
let pebble: Pebble;

beforeAll(async () => {
  if (hasPebble) pebble = await Pebble.start();
});
afterAll(() => pebble?.stop());

/** So much of what the authority did last is told where the renewal does not come. */
const PEBBLE_TAIL_LINES = 60;
const ISSUED = /"issuer":"Pebble Intermediate CA [^}]*"isStandIn":false/;

it("gets a certificate with one command, serves the kept one after a restart, and orders nothing then", async () => {
  const folder = makeFolder();
  const first = new Run(["relay/main.ts", "serve", ...options(folder)]);
  await first.printed(/none yet for relay\.example\.com: it is ordered in the background/);
  await first.printed(ISSUED);
  const [, fingerprint = ""] = await first.printed(/"fingerprint":"([0-9A-F:]+)","isStandIn":false/);
  first.signal("SIGTERM");
  expect(await first.exitCode()).toBe(0);
  const orderCount = pebble.logged(/Issued certificate serial/);

  const second = new Run(["relay/main.ts", "serve", ...options(folder)]);
  await second.printed(/Certificate +for relay\.example\.com, issued by Pebble Intermediate CA/);
  const status = new Run(["relay/main.ts", "cert", "status", "--json", ...options(folder)]);
  await status.exitCode();
  second.signal("SIGTERM");
  await second.exitCode();

  expect(second.stdout.match(/"msg":"certificate"/g)).toHaveLength(1);
  expect(second.stdout).toContain(fingerprint);
  expect(JSON.parse(status.stdout)).toMatchObject({ has_certificate: true, fingerprint, names: ["relay.example.com"] });
  expect(pebble.logged(/Issued certificate serial/)).toBe(orderCount);
  for (const { stdout, stderr } of [first, second, status]) expect(stdout + stderr).not.toContain("PRIVATE KEY");
});

it("has the running relay renew at once on request, and follows it to the new certificate", async () => {
  const argv = [...options(makeFolder()), "--acme-http-port", `${pebble.httpPort}`];
  const config = { ...loadConfig({ flags: flagsOf(argv), env: {} }).config, host: "127.0.0.1" };
  const log = createLogger("silent");
  const store = await createStore(config);
  const parts = { clock: systemClock, log, store, challenges: new AlpnChallenges() };
  const source = new AcmeSource(parts, acmeOptions(config), TEST_PACE);
  const relay = createRelay(config, { log, source, isPortChosen: true });
  onTestFinished(() => relay.stop());
  onTestFailed(() => console.error(pebble.log.split("\n").slice(-PEBBLE_TAIL_LINES).join("\n")));
  await relay.start();
  // With it kept, the first order is over.
  await eventually(async () => expect((await certCommand(["status", ...argv])).exitCode).toBe(0));
  const before = pebble.logged(/Issued certificate serial/);

  const { exitCode, stdout } = await certCommand(["renew", "--force", "--wait", "10", ...argv]);

  expect(stdout).toMatch(/^Renewed\. The new certificate by Pebble Intermediate CA/);
  expect(exitCode).toBe(0);
  expect(pebble.logged(/Issued certificate serial/)).toBe(before + 1);
});

/** For a command that looks every 2 s what became of its request: it waits a moment. The command asks no authority. */
const impatientClock: Clock = {
  ...systemClock,
  after: (delayMs, task) => systemClock.after(Math.min(delayMs, 50), task),
};

async function certCommand(argv: readonly string[]) {
  const out: string[] = [];
  const streams = { stdout: collector(out), stderr: collector([]) };
  const terminal = { env: {}, ...streams, signals: new EventEmitter(), clock: impatientClock };
  const exitCode = await run(["cert", ...argv], terminal);
  return { exitCode, stdout: out.join("") };
}

function options(folder: string): readonly string[] {
  const domain = ["--tls", "acme", "--domain", "relay.example.com", "--email", "ops@example.com"];
  const authority = ["--acme-directory", pebble.directoryUrl, "--acme-ca-file", pebble.caFile];
  return [...domain, ...authority, "--port", `${pebble.tlsPort}`, "--state-directory", folder];
}

/** `--acme-ca-file x` as the option's name in code has it. */
function flagsOf(argv: readonly string[]): Record<string, string> {
  const pairs = argv.flatMap((flag, index) => {
    const name = flag.slice(2).replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());
    return index % 2 === 0 ? [[name, argv[index + 1] ?? ""]] : [];
  });
  return Object.fromEntries(pairs) as Record<string, string>;
}
