import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it as itWithNode } from "vitest";
import { newSecret } from "../../client/sealing/secret.ts";
import { BrowserPage } from "../support/browser.ts";
import { eventually } from "../support/eventually.ts";
import { InstalledClient, serveFiles } from "../support/installed-client.ts";
import { Run } from "../support/process.ts";
import { startRelay } from "../support/relay.ts";
import { itInBrowser } from "../support/requires.ts";

const MAX_LINES = 60;
const it = itInBrowser();

/** The examples, as they are beside an installed client. */
const client = new InstalledClient();
const { folder } = client;

beforeAll(async () => {
  await client.install();
  for (const name of ["chat", "service", "file"]) client.copy(join("examples", name), name);
});

afterAll(() => client.remove());

it.each(["chat/index.html", "chat/chat.js", "service/service.js", "service/ask.js", "file/send.js", "file/receive.js"])(
  "keeps examples/%s within 60 lines",
  (path) => {
    expect(readFileSync(join("examples", path), "utf8").split("\n").length - 1).toBeLessThanOrEqual(MAX_LINES);
  },
);

it("talks from one page to another, over a restart of the relay", async () => {
  const port = await serveFiles(join(folder, "chat"));
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
  const env = { FINGERPRINT: await fingerprintOf(relay.certificate ?? ""), SECRET: newSecret() };
  const cwd = join(folder, "file");
  const data = randomBytes(5_000_000);
  writeFileSync(join(folder, "some file.bin"), data);
  const send = (): Run => new Run([join(cwd, "send.js"), relay.url, join(folder, "some file.bin")], { env });
  const early = send();
  expect([await early.exitCode(), early.stderr]).toEqual([1, "! nobody is here\n"]);
  const receive = new Run([join(cwd, "receive.js"), relay.url], { env, cwd });
  await receive.printed(/^waiting$/m);

  const sent = send();
  expect([await sent.exitCode(), sent.stdout]).toEqual([0, "received\n"]);
  await receive.printed(/^received-some_file\.bin$/m);
  const again = send();

  expect(readFileSync(join(cwd, "received-some_file.bin")).equals(data)).toBe(true);
  // It replaces nothing, and goes on.
  expect([await again.exitCode(), again.stderr]).toEqual([1, expect.stringContaining("EEXIST")]);
  receive.signal("SIGTERM");
  expect([await receive.exitCode(), receive.stderr]).toEqual([0, ""]);
});

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
