import { EventEmitter, once } from "node:events";
import { expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { run } from "../../relay/cli/program.ts";
import { eventually } from "../support/eventually.ts";
import { Run } from "../support/process.ts";
import { collector } from "../support/relay.ts";

const PLAIN = { TLS: "off", PORT: "0", HOST: "127.0.0.1", NODE_ENV: "prod" };

it("goes on after the signals that other servers take for their logs and their options, and opens no debugger", async () => {
  const relay = new Run(["relay/main.ts"], { env: PLAIN });
  const [, port] = await relay.printed(/"port":(\d+)/);
  const client = new WebSocket(`ws://127.0.0.1:${port}`);
  onTestFinished(() => client.terminate());
  await once(client, "open");

  for (const signal of ["SIGUSR1", "SIGUSR2", "SIGHUP"] as const) relay.signal(signal);
  await relay.printed(/"msg":"nothing to read again"/);
  client.ping();
  await once(client, "pong");
  relay.signal("SIGTERM");
  const [code] = (await once(client, "close")) as [number];

  expect(code).toBe(1012);
  expect(await relay.exitCode()).toBe(0);
  expect(relay.stderr).toBe("");
});

function scene(env: Record<string, string>, isInteractive: boolean) {
  const stdout: string[] = [];
  const signals = new EventEmitter();
  const terminal = { env, stdout: collector(stdout), stderr: collector([]), signals, isInteractive };
  return {
    signals,
    exitCode: run(["serve"], terminal),
    messages: () => stdout.map((line) => JSON.parse(line) as object),
  };
}

it("drains when the terminal goes away that it was started from, however often it is told", async () => {
  const { signals, exitCode, messages } = scene(PLAIN, true);
  await eventually(() => expect(messages()).toContainEqual(expect.objectContaining({ msg: "listening" })));

  for (let count = 0; count < 3; count += 1) signals.emit("SIGHUP");

  expect(await exitCode).toBe(0);
  expect(messages()).toContainEqual(expect.objectContaining({ msg: "draining", signal: "SIGHUP" }));
  expect(messages().at(-1)).toMatchObject({ msg: "stopped" });
});

it.each(["SIGTERM", "SIGHUP"])("drains after a %s that comes before it has started", async (signal) => {
  const { signals, exitCode, messages } = scene(PLAIN, true);

  signals.emit(signal);

  expect(await exitCode).toBe(0);
  expect(messages()).toMatchObject([{ msg: "listening" }, { msg: "draining", signal }, { msg: "stopped" }]);
});

it("reads again what it has not read yet, and starts all the same", async () => {
  const { signals, exitCode, messages } = scene({ ...PLAIN, AUTH: "tokens", AUTH_KEY_SET: KEY }, true);

  signals.emit("SIGHUP");
  await eventually(() => expect(messages()).toContainEqual(expect.objectContaining({ msg: "listening" })));
  signals.emit("SIGHUP");
  await eventually(() => expect(messages().filter((line) => "revocations" in line)).toHaveLength(2));
  signals.emit("SIGTERM");

  expect(await exitCode).toBe(0);
});

/** A secret for HS256. */
const KEY = JSON.stringify({ kty: "oct", k: "A".repeat(43) });
