import type { Writable } from "node:stream";
import { type DestinationStream, type Logger, pino } from "pino";
import { LogDestination } from "./log-destination.ts";

/** The original systems write `warning` where pino writes `warn`. */
export function createLogger(level: string, destination?: DestinationStream): Logger {
  const options = {
    level: level === "warning" ? "warn" : level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}

/** A log that may be lost without harm to its owner, and where its lines go. */
export type OpenLog = { readonly log: Logger; readonly destination: LogDestination };

/** Opens the log of a relay. The loss of lines is told in it, when it is there again. */
export function openLog(level: string, stream: Writable): OpenLog {
  const destination = new LogDestination(stream, (lostLines) => {
    log.warn({ lostLines }, "log lines were lost");
  });
  const log = createLogger(level, destination);
  return { log, destination };
}
