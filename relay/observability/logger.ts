import { type DestinationStream, type Logger, pino } from "pino";

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
