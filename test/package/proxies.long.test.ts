import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { HttpProxy } from "../support/http-proxy.ts";
import { InstalledClient } from "../support/installed-client.ts";
import { Run } from "../support/process.ts";
import { startRelay } from "../support/relay.ts";

const client = new InstalledClient();

beforeAll(() => client.install());
afterAll(() => client.remove());

/** Joins a topic with this environment, and prints what comes of it. */
const PROGRAM = `
import { readFileSync } from "node:fs";
import { connect } from "postern-client";
const [address, caFile, proxy] = process.argv.slice(2);
const relay = connect(address, { tls: { ca: readFileSync(caFile, "utf8") }, proxy: proxy || undefined });
const outcome = await relay.join("t", { public: true, timeoutMs: 10_000 }).then(() => relay.info.proxy, ({ code, message }) => ({ code, message }));
console.log("outcome", JSON.stringify(outcome));
await relay.close();
`;

/** Runs the program as whoever has installed the package would. */
async function outcomeOf(words: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<unknown> {
  const relay = await startRelay();
  const program = join(client.folder, "program.mjs");
  const caFile = join(client.folder, "ca.pem");
  writeFileSync(program, PROGRAM);
  writeFileSync(caFile, relay.certificate ?? "");
  const [, text = ""] = await new Run([program, relay.url, caFile, ...words], { env }).printed(/outcome (.*)/);
  return JSON.parse(text);
}

it("goes by the proxy of the environment, without a line in the app", async () => {
  const proxy = await HttpProxy.start();

  const outcome = await outcomeOf([], { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` });

  expect(outcome).toEqual({ url: `http://127.0.0.1:${proxy.port}`, source: "HTTPS_PROXY" });
  expect(proxy.requests).toHaveLength(1);
});

it("says what to install where a PAC file is to choose, and goes no other way", async () => {
  const script = join(client.folder, "proxy.pac");
  writeFileSync(script, 'function FindProxyForURL() { return "DIRECT"; }');

  expect(await outcomeOf([`pac+file://${script}`])).toEqual({
    code: "proxy-invalid",
    message: expect.stringContaining("npm install pac-resolver quickjs-wasi"),
  });
});
