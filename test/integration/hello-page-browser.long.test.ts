import { spawn } from "node:child_process";
import { expect } from "vitest";
import { CHROMIUM, CHROMIUM_FLAGS } from "../support/browser.ts";
import { makeFolder, makePair } from "../support/certificate-files.ts";
import { startRelay } from "../support/relay.ts";
import { itWithCommands } from "../support/requires.ts";
import { TlsInterceptor } from "../support/tls-interceptor.ts";

const it = itWithCommands(CHROMIUM);

/** What Chromium shows of the page, as text. */
async function shown(url: string): Promise<string> {
  const flags = CHROMIUM_FLAGS.filter((flag) => !flag.startsWith("--remote-debugging-port"));
  const words = [...flags, `--user-data-dir=${makeFolder()}`, "--dump-dom", `${url.replace("wss:", "https:")}/hello`];
  const browser = spawn(CHROMIUM, words, { stdio: ["ignore", "pipe", "ignore"] });
  const chunks: Buffer[] = await browser.stdout.toArray();
  return Buffer.concat(chunks).toString();
}

it("knows Chromium's own greeting from that of who looks into its TLS", async () => {
  const relay = await startRelay();
  const { url } = await TlsInterceptor.start(relay, makePair());

  expect(await shown(relay.url)).toContain('"intercepted":"unknown"');
  expect(await shown(url)).toContain('"intercepted":"yes"');
});
