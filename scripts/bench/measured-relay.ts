import { readFileSync } from "node:fs";
import { loadConfig } from "../../relay/config/load.ts";
import { createLogger } from "../../relay/observability/logger.ts";
import { createRelay, type Relay } from "../../relay/server.ts";

/** The real relay with the settings of the environment, on the port and with the certificate that the arguments name. */
export async function startMeasuredRelay(): Promise<Relay> {
  const [port = "", keyPath = "", certificatePath = ""] = process.argv.slice(2);
  const { config } = loadConfig({ flags: { port, host: "127.0.0.1", logLevel: "warn" }, env: process.env });
  const relay = createRelay(config, {
    log: createLogger(config.logLevel),
    isPortChosen: true,
    tls: {
      key: readFileSync(keyPath, "utf8"),
      certificate: readFileSync(certificatePath, "utf8"),
      expiresAtMs: Number.MAX_SAFE_INTEGER,
    },
  });
  await relay.start();
  return relay;
}
