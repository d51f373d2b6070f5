import { once } from "node:events";
import { chmodSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { makeFolder } from "../support/certificate-files.ts";
import { Run } from "../support/process.ts";
import { itInNamespace } from "../support/requires.ts";

const LISTENING = /"port":(\d+)/;

it("prints the address, the certificate's fingerprint, the try-it page and a line to paste, and drains on SIGTERM with exit code 0", async () => {
  const relay = new Run(["relay/main.ts", "serve", "--port", "0", "--host", "127.0.0.1"]);
  const port = (await relay.printed(LISTENING))[1];
  const [fingerprint] = await relay.printed(/([0-9A-F]{2}:){31}[0-9A-F]{2}/);
  await relay.printed(/my-topic/);

  relay.signal("SIGTERM");

  expect(await relay.exitCode()).toBe(0);
  const [address, ...certificate] = relay.stderr.split("\n").filter((line) => line !== "");
  expect(address).toBe(`  Postern 0.1.0 relays on wss://127.0.0.1:${port}`);
  expect(certificate.slice(0, 3).map((line) => line.trim())).toEqual([
    "Certificate  self-signed, for development. SHA-256 fingerprint:",
    fingerprint,
    `Try it       https://127.0.0.1:${port}/ in a browser`,
  ]);
  expect(relay.stderr).toContain(
    `npm run postern-client -- join wss://127.0.0.1:${port} my-topic --fingerprint ${fingerprint}`,
  );
  expect(relay.stdout.trim().split("\n").map(messageOf)).toEqual(["certificate", "listening", "draining", "stopped"]);
});

it("runs serve when no command is named", async () => {
  const relay = new Run(["relay/main.ts"], { env: { PORT: "0", HOST: "127.0.0.1" } });
  await relay.printed(LISTENING);

  relay.signal("SIGINT");

  expect(await relay.exitCode()).toBe(0);
});

it.each([
  ["SIGTERM", 143],
  ["SIGINT", 130],
] as const)("ends at once on a second signal, %s, with exit code %i", async (second, exitCode) => {
  const relay = new Run(["relay/main.ts"], { env: { PORT: "0", HOST: "127.0.0.1", DRAIN_TIMEOUT_MS: "600000" } });
  const port = (await relay.printed(LISTENING))[1];
  const stuck = new WebSocket(`wss://127.0.0.1:${port}`, { rejectUnauthorized: false });
  onTestFinished(() => stuck.terminate());
  await once(stuck, "open");
  stuck.pause();

  relay.signal("SIGTERM");
  await relay.printed(/"draining"/);
  relay.signal(second);

  expect(await relay.exitCode()).toBe(exitCode);
});

it("leaves the hints out in prod", async () => {
  const relay = new Run(["relay/main.ts"], { env: { PORT: "0", HOST: "127.0.0.1", NODE_ENV: "prod" } });
  await relay.printed(LISTENING);

  relay.signal("SIGTERM");

  await relay.exitCode();
  expect(relay.stderr).toBe("");
});

it("warns when it serves without TLS on a public address, and not on loopback", async () => {
  const open = new Run(["relay/main.ts"], { env: { PORT: "0", ENABLE_TLS: "false" } });
  const inside = new Run(["relay/main.ts"], { env: { PORT: "0", ENABLE_TLS: "false", HOST: "127.0.0.1" } });
  await Promise.all([open.printed(/my-topic/), inside.printed(/my-topic/)]);

  open.signal("SIGTERM");
  inside.signal("SIGTERM");

  await Promise.all([open.exitCode(), inside.exitCode()]);
  expect(open.stdout).toContain("without TLS on a public address");
  expect(inside.stdout).not.toContain("without TLS");
  expect(inside.stderr).toMatch(/ws:\/\/127\.0\.0\.1:\d+/);
});

it("names the port, the cause and the fix when a chosen port is in use, and exits with 1", async () => {
  const owner = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void owner.close());
  await once(owner, "listening");
  const address = owner.address();
  const port = typeof address === "object" ? address?.port : undefined;

  const relay = new Run(["relay/main.ts", "--port", `${port}`, "--host", "127.0.0.1"]);

  expect(await relay.exitCode()).toBe(1);
  expect(relay.stderr).toContain(`Port ${port} on 127.0.0.1 is in use`);
  expect(relay.stderr).toContain("PORT or --port");
});

it("names an address that this machine does not have, and exits with 1", async () => {
  const relay = new Run(["relay/main.ts", "--port", "0", "--host", "192.0.2.1"]);

  expect(await relay.exitCode()).toBe(1);
  expect(relay.stderr).toContain("no address 192.0.2.1");
});

it("names the directory and both remedies where no certificate is kept and none could be, and exits with 1", async () => {
  const file = join(makeFolder(), "file");
  writeFileSync(file, "");

  const acme = ["--tls", "acme", "--domain", "relay.example.com", "--state-directory", file];
  const relay = new Run(["relay/main.ts", "--port", "0", "--host", "127.0.0.1", ...acme]);

  expect(await relay.exitCode()).toBe(1);
  expect(relay.stderr).toMatch(/^postern: No certificate is kept, and none could be: directory /);
  expect(relay.stderr).toContain(`directory ${file}/certificates: cannot be written to: ENOTDIR`);
  expect(relay.stderr).toContain(`sudo chown -R "$USER" ${file}`);
  expect(relay.stderr).toContain("--state-directory");
});

const inNamespace = itInNamespace();

inNamespace("takes 8443 when 443 is not permitted and no port was chosen, and says how to get 443", async () => {
  const relay = new Run(asNobody(["relay/main.ts"]), { command: "unshare" });
  await relay.printed(/my-topic/);

  expect(relay.stderr).toContain("wss://localhost:8443");
  for (const way of ["setcap", "sudo", "docker run -p 443:443"]) expect(relay.stderr).toContain(way);
});

inNamespace("names the port, the cause and the fix when a chosen port is not permitted, and exits with 1", async () => {
  const relay = new Run(asNobody(["relay/main.ts", "--port", "443"]), { command: "unshare" });

  expect(await relay.exitCode()).toBe(1);
  expect(relay.stderr).toMatch(/\b443\b.*not permitted/);
  expect(relay.stderr).toContain("setcap");
});

inNamespace("takes no other port than 443 for an authority, which would not find it there", async () => {
  const folder = makeFolder();
  chmodSync(folder, 0o777);
  const acme = ["--tls", "acme", "--domain", "relay.example.com", "--state-directory", folder];
  const relay = new Run(asNobody(["relay/main.ts", ...acme]), { command: "unshare" });

  expect(await relay.exitCode()).toBe(1);
  expect(relay.stderr).toMatch(/\b443\b.*not permitted/);
});

/** Runs node as a user with no rights, in a network of its own in which all ports are free. */
function asNobody(args: readonly string[]): string[] {
  const nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"];
  const script = 'ip link set lo up && exec setpriv "$@"';
  return ["--net", "sh", "-c", script, "sh", ...nobody, process.execPath, ...args];
}

function messageOf(line: string): unknown {
  return (JSON.parse(line) as { msg: unknown }).msg;
}
