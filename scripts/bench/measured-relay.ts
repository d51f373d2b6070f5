import { systemClock } from "../../relay/clock.ts";
import { loadConfig } from "../../relay/config/load.ts";
import { tuneHeap } from "../../relay/heap.ts";
import { createLogger } from "../../relay/observability/logger.ts";
import { createRelay, type Relay } from "../../relay/relay.ts";
import { YoungGeneration } from "../../relay/young-generation.ts";

/** The real relay with the settings of the environment, on the port and with the certificate that the arguments name. */
export async function startMeasuredRelay(): Promise<Relay> {
  tuneHeap();
  const [port = "", tlsKeyFile = "", tlsCertFile = ""] = process.argv.slice(2);
  const flags = { port, host: "127.0.0.1", logLevel: "warn", tls: "files", tlsKeyFile, tlsCertFile };
  const { config } = loadConfig({ flags, env: process.env });
  const relay = createRelay(config, { log: createLogger(config.logLevel), isPortChosen: true });
  await relay.start();
  new YoungGeneration({ clock: systemClock, workCount: () => relay.workCount() }).start();
  return relay;
}
