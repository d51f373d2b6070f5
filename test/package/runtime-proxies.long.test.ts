import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished } from "vitest";
import { CLIENTS_FOLDER } from "../clients/start-client.ts";
import { Authority } from "../network/reach/authority.ts";
import { HttpProxy } from "../support/http-proxy.ts";
import { InstalledClient } from "../support/installed-client.ts";
import { Run } from "../support/process.ts";
import { startRelay } from "../support/relay.ts";
import { itWithClients, itWithCommands } from "../support/requires.ts";
import { folderForSquid, Squid } from "../support/squid.ts";

const it = itWithClients("javascript");
const itWithSquid = itWithCommands("squid");
const client = new InstalledClient();
let program = "";

/** Joins a topic by one transport, and prints which proxy the client names, or why it has not joined. */
const PROGRAM = `
import { connect } from "postern-client";
const [address, transport, proxy] = process.argv.slice(2);
const outcome = (value) => console.log("outcome", JSON.stringify(value ?? null));
try {
  const relay = connect(address, { transports: [transport], ...(proxy && { proxy }) });
  await relay.join("t", { public: true, timeoutMs: 8000 });
  outcome(relay.info.proxy);
} catch ({ code, message }) {
  outcome({ code, message });
}
process.exit(0);
`;

const RUNTIMES = {
  Bun: ["node_modules/bun/bin/bun"],
  Deno: ["node_modules/deno/deno", "run", "--allow-all", "--node-modules-dir=manual"],
} as const;

beforeAll(async () => {
  await client.install();
  program = join(client.folder, "program.mjs");
  writeFileSync(program, PROGRAM);
});

afterAll(() => client.remove());

/** A relay whose name only a proxy knows, and what its clients are to trust. */
async function hiddenRelay(): Promise<{ readonly address: string; readonly env: Readonly<Record<string, string>> }> {
  const authority = new Authority("Example");
  const { certificate, key } = authority.issue("relay.test");
  const { port } = await startRelay({ tls: "files", tlsCertFile: certificate, tlsKeyFile: key });
  const ca = authority.files.certificate;
  return { address: `wss://relay.test:${port}`, env: { NODE_EXTRA_CA_CERTS: ca, DENO_CERT: ca } };
}

async function startSquid(): Promise<Squid> {
  const folder = folderForSquid();
  const hosts = join(folder, "hosts");
  writeFileSync(hosts, "127.0.0.1 relay.test\n");
  return Squid.start([`hosts_file ${hosts}`, "acl all_ports port 1-65535", "http_access allow all"], folder);
}

async function outcomeOf(
  runtime: keyof typeof RUNTIMES,
  words: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<unknown> {
  const [command, ...flags] = RUNTIMES[runtime];
  const run = new Run([...flags, program, ...words], { command: join(CLIENTS_FOLDER, command), env });
  onTestFinished(() => run.signal("SIGKILL"));
  const [, text = ""] = await run.printed(/outcome (.*)/);
  return JSON.parse(text);
}

const ways = (["Bun", "Deno"] as const).flatMap((runtime) =>
  (["websocket", "polling"] as const).map((transport) => [runtime, transport] as const),
);

itWithSquid.each(ways)("on %s goes through Squid, which HTTPS_PROXY names, by %s", async (runtime, transport) => {
  const [{ address, env }, { url }] = [await hiddenRelay(), await startSquid()];

  const outcome = await outcomeOf(runtime, [address, transport], { ...env, HTTPS_PROXY: url });

  // Deno does not say.
  expect(outcome).toEqual(runtime === "Bun" ? { url, source: "HTTPS_PROXY" } : null);
});

itWithSquid.each(["websocket", "polling"] as const)("on Bun goes by the option proxy, by %s", async (transport) => {
  const [{ address, env }, { url }] = [await hiddenRelay(), await startSquid()];

  expect(await outcomeOf("Bun", [address, transport, url], env)).toEqual({ url, source: "option" });
});

it("on Bun signs in with the user and the password of the URL, and passes by a proxy that NO_PROXY excepts", async () => {
  const { address, env } = await hiddenRelay();
  const proxy = await HttpProxy.start({
    hosts: { "relay.test": "127.0.0.1" },
    judge: ({ authorization }) =>
      authorization === `Basic ${Buffer.from("anna:p@ss").toString("base64")}`
        ? "tunnel"
        : { answer: "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", next: "end" },
  });
  const url = proxy.url("anna:p%40ss");

  expect(await outcomeOf("Bun", [address, "websocket", url], env)).toEqual({ url: proxy.url(), source: "option" });
  const { message } = Object(await outcomeOf("Bun", [address, "websocket", proxy.url()], env));
  expect(message).toContain("407");
  const count = proxy.requests.length;
  const excepted = { ...env, HTTPS_PROXY: url, NO_PROXY: ".test" };
  expect(await outcomeOf("Bun", [address, "websocket"], excepted)).toMatchObject({ code: "unreachable" });
  expect(proxy.requests.length).toBe(count);
});

it.each([
  ["none", {}, null],
  [undefined, { NO_PROXY: "<local>" }, { source: "HTTP_PROXY", noProxyEntry: "<local>" }],
  ["option", { NO_PROXY: "localhost" }, { source: "option", noProxyEntry: "localhost" }],
] as const)(
  "on Bun passes by every proxy with the option %s and %j, and tells why",
  async (choice, exceptions, info) => {
    const { url } = await startRelay({ tls: "off" });
    const proxy = await HttpProxy.start();
    const words = choice === undefined ? [] : [choice === "option" ? proxy.url() : choice];
    const env = { HTTP_PROXY: proxy.url(), ...exceptions };

    for (const transport of ["websocket", "polling"]) {
      expect(await outcomeOf("Bun", [url, transport, ...words], env)).toEqual(info && { url: proxy.url(), ...info });
    }
    expect(proxy.connectionCount).toBe(0);
  },
);

it("on Bun refuses what it cannot do, and says so", async () => {
  const { address, env } = await hiddenRelay();

  for (const proxy of ["system", "pac+file:///a.pac", "socks5://127.0.0.1:1080", "ftp://a"]) {
    expect(await outcomeOf("Bun", [address, "websocket", proxy], env)).toMatchObject({ code: "option-invalid" });
  }
  const wrong = { ...env, HTTPS_PROXY: "socks5://127.0.0.1:1080" };
  for (const transport of ["websocket", "polling"]) {
    expect(await outcomeOf("Bun", [address, transport], wrong)).toEqual({
      code: "proxy-invalid",
      message: expect.stringContaining("HTTPS_PROXY names a SOCKS proxy"),
    });
  }
});
