import { readFileSync } from "node:fs";

/** Sockets beyond the limits of WebSockets and HTTP: health checks and handshakes under way still get in. */
const SPARE_SOCKETS = 256;
/** The admin port has up to 64 sockets; files, name look-ups, authorities and Node itself take the rest. */
const OWN_DESCRIPTORS = 128;

/** What the options want. `portCount`: how many ports have clients; each may have them all, as far as descriptors go. */
type SocketsWanted = {
  readonly maxConnections: number;
  readonly maxHttpConnections: number;
  readonly portCount?: number | undefined;
};

/** File descriptors: how many the system allows, how many the options want, and how many sockets the clients of one port may have of them. */
export type Descriptors = { readonly limit: number; readonly wanted: number; readonly clientSockets: number };

/**
 * Shares out the descriptors that the process may have. Clients never get the last ones: at its limit the system would take
 * connections and drop them without a word to anybody, and the health check with them.
 * @param limit descriptors of this process; Node has raised its soft limit to the hard one.
 */
export function descriptorsFor(
  { maxConnections, maxHttpConnections, portCount = 1 }: SocketsWanted,
  limit: number = openFilesLimit(),
): Descriptors {
  const sockets = maxConnections + maxHttpConnections + SPARE_SOCKETS;
  const allowed = Math.max(limit - OWN_DESCRIPTORS, Math.floor(limit / 4));
  const ofOnePort = Math.floor(allowed / portCount);
  return { limit, wanted: sockets * portCount + OWN_DESCRIPTORS, clientSockets: Math.min(sockets, ofOnePort) };
}

/** proc_pid_limits(5). Infinity where there is no limit, or none that can be known, as on systems other than Linux. */
function openFilesLimit(): number {
  try {
    const [, soft] = /^Max open files +(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8")) ?? [];
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
