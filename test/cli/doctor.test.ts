import { expect, it } from "vitest";
import { causes } from "../../client/doctor/common/causes.ts";
import { freePort } from "../../scripts/loopback/free-port.ts";
import { HttpProxy } from "../support/http-proxy.ts";
import { JoinScene as Scene } from "../support/join-scene.ts";
import { startRelay } from "../support/relay.ts";
import { WayProxy } from "../support/way-proxy.ts";

/** Nothing listens there. */
const NOBODY = "wss://127.0.0.1:1";

it("prints a checklist and the verdict, and exits with 0 where apps get through", async () => {
  const relay = await startRelay({ tls: "off" });
  const scene = new Scene().reading();

  expect(await scene.run("doctor", relay.url)).toBe(0);

  expect(scene.printed).toMatch(/^ok {6}proxy .*\nok {6}name .*\nok {6}tcp .*/);
  expect(scene.printed).toMatch(/\n\nApps get through to the relay\.\n$/);
});

it("tests UDP where the relay tells its STUN port", async () => {
  const relay = await startRelay({ tls: "off", host: "127.0.0.1", stunPort: await freePort() });
  const scene = new Scene().reading();

  expect(await scene.run("doctor", relay.url)).toBe(0);

  expect(scene.printed).toMatch(/\nok {6}udp .*is answered/);
});

it("says what stops an app, what to do and who can, and exits with the code of the cause", async () => {
  const scene = new Scene().reading();

  expect(await scene.run("doctor", NOBODY)).toBe(causes["port-refused"].exitCode);

  expect(scene.printed).toContain("FAILED  tcp           port 1 of 127.0.0.1: ECONNREFUSED\n-       udp");
  for (const line of ["(port-refused)", "What to do: Have", "Who can: IT.", "To be sure: ", "--ticket"]) {
    expect(scene.printed).toContain(line);
  }
});

it("writes a text for the help desk, and nothing else to standard output", async () => {
  const scene = new Scene({ env: { POSTERN_TOKEN: "hidden-token" } }).reading();

  expect(await scene.run("doctor", `${NOBODY}/path?key=hidden`, "--ticket")).toBe(21);

  expect(scene.printed).toMatch(/^An app cannot connect to wss:\/\/127\.0\.0\.1:1\/path\. .*port-refused/);
  expect(scene.printed).toMatch(/to {7}127\.0\.0\.1, TCP port 1, outgoing alone/);
  expect(scene.said).toContain("FAILED  tcp");
  expect(scene.printed + scene.said).not.toContain("hidden");
});

it("says in the text for the help desk what apps only get past", async () => {
  const relay = await startRelay({ tls: "off" });
  const proxy = await WayProxy.to(relay.port, "strip");
  const scene = new Scene().reading();

  expect(await scene.run("doctor", proxy.url, "--ticket")).toBe(0);

  expect(scene.printed).toMatch(
    /^An app connects to .*, by the long poll\. A proxy takes .* \(cause upgrade-stripped\)\./,
  );
});

it("goes by the proxy that it is told, and names it in the text for the help desk", async () => {
  const answer = "HTTP/1.1 403 Forbidden\r\nContent-Length: 13\r\n\r\nAccess denied";
  const proxy = await HttpProxy.start({ judge: () => ({ answer }) });
  const scene = new Scene().reading();

  const code = await scene.run("doctor", "wss://relay.test", "--ticket", "--proxy", proxy.url("user:hidden-word"));

  expect(code).toBe(causes["proxy-refused"].exitCode);
  expect(scene.printed).toContain(`${proxy.url()} says 403 Forbidden (set by the option proxy): Access denied`);
  expect(scene.printed).toContain(`\n  by       the proxy ${proxy.url()}, by CONNECT to this name and port\n`);
  expect(scene.printed + scene.said).not.toContain("hidden");
});

it("prints JSON for programs, with the exit code", async () => {
  const scene = new Scene().reading();

  await scene.run("doctor", NOBODY, "--json");

  expect(JSON.parse(scene.printed)).toMatchObject({
    address: NOBODY,
    exitCode: 21,
    verdict: { works: false, cause: "port-refused", who: "IT" },
  });
});

it.each([
  [[], "Give the address of one relay"],
  [["wss://a.test", "wss://b.test"], "Give the address of one relay"],
  [["https://a.test"], "A relay's address begins with wss:// or ws://"],
  [["wss://a.test", "--ticket", "--json"], "either --ticket or --json"],
  [["wss://a.test", "--idle", "soon"], "--idle takes a whole number"],
  [["wss://a.test", "--stun", "65536"], "--stun takes a whole number from 1 to 65535"],
  [["wss://a.test", "--ca-file", "/no/such/file"], "no such file"],
  [["wss://a.test", "--proxy", "ftp://b.test"], "proxy"],
  [["wss://a.test", "--what"], "Unknown option"],
])("refuses %j", async (args, problem) => {
  const scene = new Scene().reading();

  expect(await scene.run("doctor", ...args)).toBe(2);

  expect(scene.said).toContain(problem);
});

it("prints its help", async () => {
  const scene = new Scene().reading();

  expect(await scene.run("doctor", "--help")).toBe(0);
  expect(scene.printed).toContain("Usage: postern-client doctor <relay> [options]");
});
