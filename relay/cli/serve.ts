import type { Logger } from "pino";
import { type Clock, systemClock } from "../clock.ts";
import type { LoadedConfig } from "../config/load.ts";
import { memoryBoundBytes } from "../limits/memory-bound.ts";
import type { LogDestination } from "../observability/log-destination.ts";
import { openLog } from "../observability/logger.ts";
import type { RelayAddress } from "../open-port.ts";
import { createRelay } from "../relay.ts";
import { VERSION } from "../version.ts";
import { YoungGeneration } from "../young-generation.ts";
import { startUpHints } from "./start-up-hints.ts";
import { warnAtStart } from "./start-warnings.ts";
import { StopSignals } from "./stop-signals.ts";
import { ExitCode, type Terminal } from "./terminal.ts";

const MEBIBYTE = 1_048_576;
/** How long the last lines may take where the log's reader stands still. */
const LAST_LINES_MS = 500;

/**
 * Runs the relay until a signal, then drains. A second signal ends at once.
 * @throws RelayError where it cannot start.
 */
export async function serve(loaded: LoadedConfig, terminal: Terminal): Promise<ExitCode> {
  const { config, sources } = loaded;
  const { log, destination } = openLog(config.logLevel, terminal.stdout);
  // Before the start: a signal that comes while the port opens must drain too.
  const signals = new StopSignals(terminal, () => {
    if (config.auth === "tokens") void relay.reload();
    // A terminal that goes away takes its relay along, as ever.
    else if (terminal.isInteractive) signals.request("SIGHUP");
    else log.info("nothing to read again");
  });
  const relay = createRelay(config, {
    log,
    isPortChosen: sources.port !== "default",
    onDrainRequested: () => signals.request("SIGTERM"),
    lostLogLines: () => destination.lostLineCount,
  });
  const clock = terminal.clock ?? systemClock;
  const young = new YoungGeneration({ clock, workCount: () => relay.workCount() });
  try {
    const address = await relay.start();
    young.start();
    announce(log, loaded, address);
    if (!config.environment.startsWith("prod")) {
      terminal.stderr.write(startUpHints(config, address, relay.certificate()));
    }
    const first = await signals.next();
    log.info({ signal: first, drainTimeoutMs: config.drainTimeoutMs }, "draining");
    const second = await Promise.race([relay.stop(), signals.next()]);
    if (second === undefined) log.info("stopped");
    else log.warn({ signal: second }, "stopped by a second signal");
    await lastLines(destination, clock);
    if (second === undefined) return ExitCode.success;
    return second === "SIGINT" ? ExitCode.secondSigint : ExitCode.secondSigterm;
  } finally {
    young.stop();
    signals.release();
  }
}

/** Logs that it takes clients, and what looks like a slip. */
function announce(log: Logger, loaded: LoadedConfig, address: RelayAddress): void {
  const { environment } = loaded.config;
  const { host, port, fingerprint } = address;
  const memoryBoundMiB = Math.ceil(memoryBoundBytes(loaded.config) / MEBIBYTE);
  log.info({ version: VERSION, environment, host, port, fingerprint, memoryBoundMiB }, "listening");
  warnAtStart(log, loaded, address);
}

async function lastLines(destination: LogDestination, clock: Clock): Promise<void> {
  const { promise: late, resolve: giveUp } = Promise.withResolvers<void>();
  const timer = clock.after(LAST_LINES_MS, giveUp);
  await Promise.race([destination.settled(), late]);
  timer.cancel();
}
