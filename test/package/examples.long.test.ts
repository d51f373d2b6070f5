import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it as itWithNode, onTestFinished } from "vitest";
import { connect } from "../../client/node.ts";
import { newSecret } from "../../client/sealing/secret.ts";
import { CLIENTS_FOLDER } from "../clients/start-client.ts";
import { BrowserPage } from "../support/browser.ts";
import { eventually } from "../support/eventually.ts";
import { Run } from "../support/process.ts";
import { startRelay } from "../support/relay.ts";
import { itInBrowser, itWithClients } from "../support/requires.ts";

const MAX_LINES = 60;
const it = itInBrowser();
const inRuntimes = itWithClients("javascript");

/** The examples, as they are beside an installed client. */
const folder = mkdtempSync(join(tmpdir(), "postern-examples-"));

beforeAll(async () => {
  const client = join(folder, "node_modules/postern-client");
  mkdirSync(client, { recursive: true });
  cpSync("client/package.json", join(client, "package.json"));
  const compiled = ["-p", "client/tsconfig.build.json", "--outDir", join(client, "dist")];
  await promisify(execFile)(resolve("node_modules/.bin/tsc"), compiled);
  symlinkSync(resolve("node_modules/ws"), join(folder, "node_modules/ws"));
  for (const name of ["chat", "service", "file"]) {
    cpSync(join("examples", name), join(folder, name), { recursive: true });
    symlinkSync(join(folder, "node_modules"), join(folder, name, "node_modules"));
  }
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

it.each(["chat/index.html", "chat/chat.js", "service/service.js", "service/ask.js", "file/send.js", "file/receive.js"])(
  "keeps examples/%s within 60 lines",
  (path) => {
    expect(readFileSync(join("examples", path), "utf8").split("\n").length - 1).toBeLessThanOrEqual(MAX_LINES);
  },
);

it("talks from one page to another, over a restart of the relay", async () => {
  const port = await serve(join(folder, "chat"));
  const relay = await startRelay({ tls: "off" });
  const address = `http://localhost:${port}/?relay=${encodeURIComponent(relay.url)}#${newSecret()}`;
  const [anna, bert] = [await BrowserPage.open(), await BrowserPage.open()];
  await anna.goTo(address);
  await bert.goTo(address);
  await shows(anna, /is here/);

  await say(anna, "hello");
  await shows(bert, /^[\w-]{6}: hello$/m);
  await relay.stop();
  await say(bert, "sent while it is down");
  await startRelay({ tls: "off", port: relay.port });

  await shows(anna, /^[\w-]{6}: sent while it is down$/m);
  await say(anna, "<b>and back</b>");
  await shows(bert, /^[\w-]{6}: <b>and back<\/b>$/m);
  expect(await textOf(bert)).not.toMatch(/lost|left/);
});

it("answers a program that asks another", async () => {
  const relay = await startRelay();
  const fingerprint = await fingerprintOf(relay.certificate ?? "");
  const env = { FINGERPRINT: fingerprint, SECRET: newSecret() };
  const service = new Run([join(folder, "service/service.js"), relay.url], { env });
  await service.printed(/^answering$/m);

  const asked = new Run([join(folder, "service/ask.js"), relay.url], { env });
  expect(await asked.exitCode()).toBe(0);
  const wrong = new Run([join(folder, "service/ask.js"), relay.url, "weather"], { env });
  expect(await wrong.exitCode()).toBe(1);
  service.signal("SIGTERM");

  expect(asked.stdout).toMatch(/^\d{4}-\d\d-\d\dT\S+Z\n$/);
  expect(wrong.stderr).toContain("! request-refused: ");
  expect(await service.exitCode()).toBe(0);
});

itWithNode("sends a file, and finds out whether it has arrived as it is", async () => {
  const relay = await startRelay();
  const env = { FINGERPRINT: await fingerprintOf(relay.certificate ?? "") };
  const cwd = join(folder, "file");
  const data = randomBytes(5_000_000);
  writeFileSync(join(folder, "some file.bin"), data);
  const send = (): Run => new Run([join(cwd, "send.js"), relay.url, "t", join(folder, "some file.bin")], { env });
  const early = send();
  expect([await early.exitCode(), early.stderr]).toEqual([1, "! nobody is here\n"]);
  const receive = new Run([join(cwd, "receive.js"), relay.url, "t"], { env, cwd });
  await receive.printed(/^waiting$/m);

  const sent = send();
  expect([await sent.exitCode(), sent.stdout]).toEqual([0, "received\n"]);
  await receive.printed(/^received-some_file\.bin$/m);
  const again = send();

  expect(readFileSync(join(cwd, "received-some_file.bin")).equals(data)).toBe(true);
  // It replaces nothing.
  expect([await again.exitCode(), again.stderr]).toEqual([1, expect.stringContaining("EEXIST")]);
});

/** Answers what it hears. */
const ECHO = `import { connect } from "postern-client";
const topic = await connect(process.argv[2]).join({ secret: process.argv[3] });
topic.on("message", ({ text }) => topic.broadcast("heard " + text));
topic.on("lost", ({ count }) => topic.broadcast("lost " + count));
console.log("joined");`;

inRuntimes.each([
  ["Node 22", ["node_modules/node22/bin/node"]],
  ["Node 26", ["node_modules/node26/bin/node"]],
  ["Bun", ["node_modules/bun/bin/bun"]],
  ["Deno", ["node_modules/deno/deno", "run", "--allow-all", "--node-modules-dir=manual"]],
])(
  "runs on %s as it is installed, sealed, and loses nothing over a restart of the relay",
  async (_, [program = "", ...flags]) => {
    const relay = await startRelay({ tls: "off" });
    const secret = newSecret();
    const path = join(folder, "service", "echo.mjs");
    writeFileSync(path, ECHO);
    const echo = new Run([...flags, path, relay.url, secret], { command: join(CLIENTS_FOLDER, program) });
    await echo.printed(/^joined$/m);
    const client = connect(relay.url);
    onTestFinished(() => client.close());
    const topic = await client.join({ secret });
    const heard: string[] = [];
    topic.on("message", ({ text }) => heard.push(text));

    await topic.broadcast("one");
    await eventually(() => expect(heard).toEqual(["heard one"]));
    await relay.stop();
    await topic.broadcast("two");
    await startRelay({ tls: "off", port: relay.port });
    await topic.broadcast("three");

    await eventually(() => expect(heard).toEqual(["heard one", "heard two", "heard three"]));
    echo.signal("SIGKILL");
    await echo.exitCode();
  },
);

async function fingerprintOf(certificate: string): Promise<string> {
  const { X509Certificate } = await import("node:crypto");
  return new X509Certificate(certificate).fingerprint256;
}

function textOf(page: BrowserPage): Promise<unknown> {
  return page.evaluate(`[...document.querySelectorAll("li")].map((item) => item.textContent).join("\\n")`);
}

async function shows(page: BrowserPage, text: RegExp): Promise<void> {
  await eventually(async () => expect(await textOf(page)).toMatch(text));
}

async function say(page: BrowserPage, text: string): Promise<void> {
  await page.evaluate(`document.getElementById("text").value = ${JSON.stringify(text)};
    document.querySelector("form").requestSubmit()`);
}

/** As any server of files would: the pages of this folder, on a port of loopback. */
async function serve(root: string): Promise<number> {
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://localhost").pathname;
    const file = path === "/" ? "/index.html" : path;
    try {
      const body = readFileSync(join(root, file));
      response.setHeader("Content-Type", file.endsWith(".html") ? "text/html" : "text/javascript").end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((done) => {
    server.listen(0, "127.0.0.1", done);
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}
