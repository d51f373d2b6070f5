import { once } from "node:events";
import { createServer } from "node:net";

/** Below what Linux gives to those who ask for any port (ip_local_port_range: 32768 and above): nobody else gets these. */
const LOWEST_PORT = 10_000;
const PORTS_PER_WORKER = 2000;
const workerNumber = (Number(process.env["VITEST_POOL_ID"] ?? 1) - 1) % 10;
const firstPort = LOWEST_PORT + workerNumber * PORTS_PER_WORKER;
let tried = process.pid;

/**
 * A TCP port of loopback that nobody listens on, and that nobody is given by chance before it is used. Each only once. The
 * UDP port of the same number is as good.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < PORTS_PER_WORKER; attempt += 1) {
    tried += 1;
    const port = firstPort + (tried % PORTS_PER_WORKER);
    if (await isFree(port)) return port;
  }
  throw new Error("no free port");
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
  } catch {
    return false;
  }
  const closed = once(server, "close");
  server.close();
  await closed;
  return true;
}
