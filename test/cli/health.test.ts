import { EventEmitter, once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { run } from "../../relay/cli/program.ts";
import { freePort } from "../../scripts/loopback/free-port.ts";
import { ADMIN_TOKEN, askAsAdmin } from "../support/admin.ts";
import { Run } from "../support/process.ts";
import { collector, startRelay } from "../support/relay.ts";
import { itInNamespace } from "../support/requires.ts";

type Env = Readonly<Record<string, string>>;

/** As a container asks: by variables alone, in a process of its own. */
async function healthBy(env: Env) {
  const health = new Run(["relay/main.ts", "health"], { env });
  return { exitCode: await health.exitCode(), stdout: health.stdout, stderr: health.stderr };
}

function ask(port: number, env: Env = { TLS: "off" }) {
  return healthBy({ HOST: "127.0.0.1", PORT: String(port), ...env });
}

/** As a person asks: with flags. */
async function healthWith(flags: readonly string[], env: Env = {}) {
  const stdout: string[] = [];
  const terminal = { env, stdout: collector(stdout), stderr: collector(stdout), signals: new EventEmitter() };
  return { exitCode: await run(["health", ...flags], terminal), stdout: stdout.join("") };
}

const HEALTHY = { exitCode: 0, stdout: "healthy\n" };

it.each([
  ["TLS", {}, {}],
  ["plain HTTP", { tls: "off" }, { TLS: "off" }],
  ["plain HTTP by the original's variable", { tls: "off" }, { ENABLE_TLS: "false" }],
  ["IPv6", { host: "::1" }, { HOST: "::1" }],
  ["every address", { host: "::" }, {}],
  ["a proxy with a PROXY header", { proxyProtocol: true, trustedProxies: ["127.0.0.0/8"] }, proxyEnv("127.0.0.0/8")],
  [
    "a proxy with a PROXY header, without TLS",
    { tls: "off", proxyProtocol: true, trustedProxies: ["127.0.0.1"] },
    { ...proxyEnv("127.0.0.1"), TLS: "off" },
  ],
  ["proxies elsewhere", { proxyProtocol: true, trustedProxies: ["192.0.2.1"] }, proxyEnv("192.0.2.1")],
] as const)("finds a relay healthy that serves %s", async (_what, config, env) => {
  const { port } = await startRelay(config);

  expect(await healthBy({ HOST: "127.0.0.1", PORT: String(port), ...env })).toMatchObject(HEALTHY);
});

function proxyEnv(networks: string) {
  return { PROXY_PROTOCOL: "true", TRUSTED_PROXIES: networks };
}

it("asks the admin port where there is one, and takes the options of the relay as flags too", async () => {
  const adminPort = await freePort();
  await startRelay({ adminPort });

  expect(await healthBy({ ADMIN_PORT: String(adminPort), PORT: "0" })).toMatchObject(HEALTHY);
  expect(await healthWith(["--admin-port", String(adminPort)])).toEqual(HEALTHY);
});

it("is counted neither as a handshake that failed nor as a connection", async () => {
  const relay = await startRelay({ adminToken: ADMIN_TOKEN });

  expect(await healthBy({ PORT: String(relay.port) })).toMatchObject(HEALTHY);
  const { body } = await askAsAdmin(relay, "/metrics");

  const failures = [...body.matchAll(/^relay_tls_handshake_failures_total\{.*\} (\d+)$/gm)].map(([, count]) => count);
  expect(failures).toEqual(["0", "0", "0", "0"]);
  expect(body).toMatch(/^relay_handshakes_in_flight [01]$/m);
});

it("finds unhealthy what refuses, keeps silent, hangs up, or is another program; and says so", async () => {
  const silent = await listening(createServer());
  const rude = await listening(createServer((socket) => socket.once("data", () => socket.end())));
  const failing = await listening(createHttpServer((_request, response) => response.writeHead(503).end()));
  const foreign = await listening(createServer((socket) => socket.end("220 mail.example\r\n")));
  const free = await freePort();

  expect(
    await Promise.all([ask(free), ask(silent), ask(rude), ask(failing), ask(foreign), ask(failing, {}), ask(0)]),
  ).toMatchObject([
    { exitCode: 1, stdout: "unhealthy: ECONNREFUSED\n" },
    { exitCode: 1, stdout: "unhealthy: no answer in 3000 ms\n" },
    { exitCode: 1, stdout: "unhealthy: closed without an answer\n" },
    { exitCode: 1, stdout: "unhealthy: status 503\n" },
    { exitCode: 1, stdout: "unhealthy: its answer is no HTTP\n" },
    { exitCode: 1, stdout: "unhealthy: its answer is no TLS\n" },
    { exitCode: 1, stdout: "unhealthy: PORT is 0, so nobody can tell where the relay listens\n" },
  ]);
});

it("refuses options that say nothing about where to ask, and leaves the others to the relay", async () => {
  const { port } = await startRelay({ tls: "off" });

  expect(await healthBy({ PORT: "https", TRUSTED_PROXIES: "lb" })).toMatchObject({
    exitCode: 2,
    stderr: expect.stringMatching(/^postern: variable PORT is .*\nvariable TRUSTED_PROXIES is .*\n$/),
  });
  expect(await healthBy({ PORT: String(port), TLS: "off", MAX_CONNECTIONS: "many" })).toMatchObject(HEALTHY);
});

itInNamespace()("finds the relay on 8443, where 443 was not permitted and nobody chose it", async () => {
  const script = `ip link set lo up
    setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all "$0" relay/main.ts & relay=$!
    until "$0" relay/main.ts health; do sleep 0.2; done
    kill "$relay"; wait "$relay"`;
  const scene = new Run(["--net", "sh", "-c", script, process.execPath], {
    command: "unshare",
    env: { NODE_ENV: "prod" },
  });

  await scene.printed(/^healthy$/m);
  expect(await scene.exitCode()).toBe(0);
});

async function listening(server: ReturnType<typeof createServer>): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}
