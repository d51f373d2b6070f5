/** The package `postern` for programs that run a relay inside themselves: docs/embedding.md. */

export { loadConfig } from "./config/load.ts";
export type { Config } from "./config/options.ts";
export { createLogger } from "./observability/logger.ts";
export { createRelay, type Relay, type RelayParts } from "./relay.ts";
export { RelayError } from "./relay-error.ts";
