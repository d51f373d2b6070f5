import type { Config } from "./options.ts";

/**
 * Whether the relay takes long polls. A session lives in one process: where several share a port, a client's requests would
 * come to any of them.
 */
export function isPollingOn({ polling, reusePort }: Pick<Config, "polling" | "reusePort">): boolean {
  return polling === "on" || (polling === "auto" && !reusePort);
}
