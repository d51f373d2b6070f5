import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Certificate, createCertificate } from "../bench/certificate.ts";
import { createTarget, type Target } from "../bench/generator/connection.ts";
import { processTree } from "../bench/generator/process-usage.ts";
import { ServerProcess } from "../kill-test/server-process.ts";
import { freePort } from "../loopback/free-port.ts";

const RELAY_PATH = new URL("../../relay/main.ts", import.meta.url).pathname;
const SOCKET_IO_PATH = new URL("../bench/peers/socket-io-server.ts", import.meta.url).pathname;

/** A server that runs, and how to reach it. */
export type Running = {
  readonly target: Target;
  /** Its processes. */
  readonly pids: readonly number[];
  /** What it is called in messages. */
  readonly name: string;
};

type Command = (certificate: Certificate, port: number) => readonly [string, ...string[]];

const commands: Readonly<Record<"relay" | "Socket.IO", Command>> = {
  relay: ({ keyPath, certificatePath }, port) => {
    const files = ["--tls", "files", "--tls-key-file", keyPath, "--tls-cert-file", certificatePath];
    return [
      process.execPath,
      RELAY_PATH,
      "serve",
      "--port",
      `${port}`,
      "--host",
      "127.0.0.1",
      "--log-level",
      "error",
      ...files,
    ];
  },
  "Socket.IO": ({ keyPath, certificatePath }, port) => [
    process.execPath,
    SOCKET_IO_PATH,
    `${port}`,
    keyPath,
    certificatePath,
  ],
};

/** Runs a task beside a server of its own. The server is gone when it is done. */
export async function withServer<Result>(
  name: keyof typeof commands,
  task: (server: Running) => Promise<Result>,
): Promise<Result> {
  const directory = mkdtempSync(join(tmpdir(), "polling-cost-"));
  const certificate = createCertificate(directory);
  const port = await freePort();
  const server = new ServerProcess(commands[name](certificate, port), port);
  try {
    await server.start();
    return await task({ target: createTarget(port, certificate.pem), pids: processTree(server.pid), name });
  } finally {
    await server.kill();
    rmSync(directory, { recursive: true, force: true });
  }
}
