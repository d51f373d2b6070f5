import type { Config } from "../config/options.ts";
import { connectionsWithin, memoryBoundBytes } from "../limits/memory-bound.ts";

const MEBIBYTE = 1_048_576;

/**
 * The bound of memory beside the memory that there is, and what to set where it does not fit.
 * @param memoryBytes what this process can get.
 */
export function memoryAdvice(config: Config, memoryBytes: number): string {
  const boundBytes = memoryBoundBytes(config);
  const bound = `memory: at most ${inMebibytes(boundBytes)}, however clients behave`;
  if (boundBytes <= memoryBytes) return `${bound}; ${inMebibytes(memoryBytes)} are there`;
  const fitting = connectionsWithin(config, memoryBytes);
  const fewer = fitting < 1 ? "" : `MAX_CONNECTIONS=${fitting} would fit. `;
  const refusing =
    config.maxRssBytes === 0
      ? "; or set MAX_RSS_BYTES, and above it newcomers are refused"
      : `. Above MAX_RSS_BYTES, ${inMebibytes(config.maxRssBytes)}, newcomers are refused`;
  return [
    `${bound}; only ${inMebibytes(memoryBytes)} are there. Clients that all read nothing could use them up.`,
    `${fewer}More connections fit with a smaller MAX_FRAME_BYTES and MAX_OUTBOX_BYTES${refusing}.`,
    "See Sizing in docs/operations.md.",
  ].join("\n  ");
}

function inMebibytes(bytes: number): string {
  return `${Math.ceil(bytes / MEBIBYTE)} MiB`;
}
