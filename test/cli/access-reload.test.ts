import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { Run } from "../support/process.ts";
import { testKey, token, writeTemporary } from "../support/tokens.ts";

const LISTENING = /"port":(\d+)/;
const PLAIN = { TLS: "off", PORT: "0", HOST: "127.0.0.1" };

it("reads keys and revocations again on SIGHUP, ends who is revoked, and goes on", async () => {
  const keys = writeTemporary("keys.json", JSON.stringify((await testKey()).verifying));
  const revocations = writeTemporary("revoked", "# nobody\n");
  const access = { AUTH: "tokens", AUTH_KEYS_FILE: keys, AUTH_REVOCATIONS_FILE: revocations };
  const relay = new Run(["relay/main.ts"], { env: { ...PLAIN, ...access } });
  const port = (await relay.printed(LISTENING))[1];
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, ["postern.v1", `postern.token.${await token()}`]);
  onTestFinished(() => socket.terminate());
  await once(socket, "open");

  writeFileSync(revocations, "subject alice\n");
  relay.signal("SIGHUP");
  const [code] = (await once(socket, "close")) as [number];
  await relay.printed(/"revocations":1,"ended":1,"msg":"access read again"/);
  relay.signal("SIGTERM");

  expect(code).toBe(4005);
  expect(await relay.exitCode()).toBe(0);
});

it("does not start where AUTH is tokens and it is not clear by which keys", async () => {
  const none = new Run(["relay/main.ts"], { env: { ...PLAIN, AUTH: "tokens" } });
  const two = new Run(["relay/main.ts"], {
    env: { ...PLAIN, AUTH: "tokens", AUTH_KEYS_FILE: "/dev/null", AUTH_JWKS_URL: "https://issuer.example/keys" },
  });

  expect([await none.exitCode(), await two.exitCode()]).toEqual([2, 2]);
  expect(none.stderr).toContain("0 of AUTH_KEYS_FILE, AUTH_KEY_SET and AUTH_JWKS_URL are set; set exactly one");
  expect(two.stderr).toContain("2 of AUTH_KEYS_FILE");
});

it("loads what checks tokens where AUTH is tokens, and for nobody else", async () => {
  const keys = writeTemporary("keys.json", JSON.stringify((await testKey()).verifying));
  const open = new Run(["test/fixtures/jose-load.js"], { env: PLAIN });
  const tokens = new Run(["test/fixtures/jose-load.js"], { env: { ...PLAIN, AUTH: "tokens", AUTH_KEYS_FILE: keys } });

  expect([await open.exitCode(), await tokens.exitCode()]).toEqual([0, 0]);
  expect([open.stdout, tokens.stdout]).toEqual(['{"isLoaded":false}', '{"isLoaded":true}']);
});
