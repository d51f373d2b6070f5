import { connect, type Socket } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { freePort } from "../../scripts/loopback/free-port.ts";
import { eventually } from "../support/eventually.ts";
import { Run } from "../support/process.ts";

const LIMIT = 300;

it("warns where it may open too few files, and still answers on its admin port when clients have taken theirs", async () => {
  const adminPort = await freePort();
  const env = { TLS: "off", PORT: "0", HOST: "127.0.0.1", NODE_ENV: "prod", ADMIN_PORT: String(adminPort) };
  const relay = new Run(["-c", `ulimit -n ${LIMIT} && exec "$0" relay/main.ts`, process.execPath], {
    command: "sh",
    env,
  });
  const [, port] = await relay.printed(/"port":(\d+),"memoryBoundMiB"/);
  await relay.printed(/"limit":300,"wanted":10448,"msg":"the limit of open files is below what MAX_CONNECTIONS wants"/);

  const sockets = Array.from({ length: LIMIT }, () => connectTo(Number(port)));
  await eventually(async () => {
    const { status, text } = await metrics(adminPort);
    expect(status).toBe(200);
    expect(dropped(text, "open-files")).toBeGreaterThanOrEqual(LIMIT - 172);
  });
  const health = await fetch(`http://127.0.0.1:${adminPort}/health`);

  expect(health.status).toBe(200);
  expect(
    relay.stdout.match(/"reason":"open-files","connections":\d+,"msg":"connections are closed as they come"/g),
  ).toHaveLength(1);
  for (const socket of sockets) socket.destroy();
  await eventually(async () => expect((await request(Number(port))).status).toBe(200));
});

it("warns of nothing where it may open enough", async () => {
  const env = { TLS: "off", PORT: "0", HOST: "127.0.0.1", NODE_ENV: "prod", MAX_CONNECTIONS: "10" };
  const relay = new Run(["-c", `ulimit -n 458 && exec "$0" relay/main.ts`, process.execPath], { command: "sh", env });
  await relay.printed(/"msg":"listening"/);

  relay.signal("SIGTERM");

  expect(await relay.exitCode()).toBe(0);
  expect(relay.stdout).not.toContain('"level":"warn"');
});

function connectTo(port: number): Socket {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => undefined);
  onTestFinished(() => void socket.destroy());
  return socket;
}

async function request(port: number): Promise<Response> {
  const response = await fetch(`http://127.0.0.1:${port}/health`, { headers: { connection: "close" } });
  await response.arrayBuffer();
  return response;
}

async function metrics(adminPort: number): Promise<{ readonly status: number; readonly text: string }> {
  const response = await fetch(`http://127.0.0.1:${adminPort}/metrics`);
  return { status: response.status, text: await response.text() };
}

function dropped(text: string, reason: string): number {
  return Number(new RegExp(`^relay_connections_dropped_total\\{reason="${reason}"\\} (\\d+)$`, "m").exec(text)?.[1]);
}
