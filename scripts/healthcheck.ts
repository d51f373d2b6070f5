import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { loadConfig } from "../relay/config/load.ts";

/**
 * Asks the relay on this machine for `/health` and exits 0 or 1: the container's HEALTHCHECK. It reads the same
 * variables as the relay. The certificate is not checked: it is for the public name, and this dials the machine itself.
 */
const TIMEOUT_MS = 3000;

const { config } = loadConfig({ flags: {}, env: process.env });
const request = config.tls === "off" ? httpRequest : httpsRequest;

const outgoing = request(
  {
    host: ["0.0.0.0", "::"].includes(config.host) ? "127.0.0.1" : config.host,
    port: config.port,
    path: "/health",
    timeout: TIMEOUT_MS,
    headers: { connection: "close" },
    rejectUnauthorized: false,
  },
  (response) => {
    response.resume();
    finish(response.statusCode === 200, `status ${response.statusCode}`);
  },
);
outgoing.on("timeout", () => outgoing.destroy(new Error(`no answer in ${TIMEOUT_MS} ms`)));
outgoing.on("error", (error) => finish(false, error.message));
outgoing.end();

function finish(isHealthy: boolean, why: string): void {
  process.stdout.write(`${isHealthy ? "healthy" : "unhealthy"}: ${why}\n`);
  process.exitCode = isHealthy ? 0 : 1;
}
