import type { Clock } from "../../clock.ts";
import type { Output } from "../terminal.ts";

const BAR_LENGTH = 24;
const REDRAW_MS = 100;
/** The speed is that of the last seconds. */
const SPEED_WINDOW_MS = 3000;
const UNITS = ["B", "kB", "MB", "GB", "TB"] as const;

/** How far something of a known size is, on one line of a terminal. Writes nothing where there is none. */
export class ProgressBar {
  readonly #clock: Clock;
  readonly #output: Output;
  readonly #sizeBytes: number;
  #drawnAtMs = Number.NEGATIVE_INFINITY;
  #marks: { readonly atMs: number; readonly bytes: number }[] = [];

  constructor(clock: Clock, output: Output, sizeBytes: number) {
    this.#clock = clock;
    this.#output = output;
    this.#sizeBytes = sizeBytes;
  }

  update(doneBytes: number): void {
    const nowMs = this.#clock.monotonicMs();
    if (this.#output.isTTY !== true || nowMs < this.#drawnAtMs + REDRAW_MS) return;
    this.#drawnAtMs = nowMs;
    this.#marks.push({ atMs: nowMs, bytes: doneBytes });
    this.#marks = this.#marks.filter(({ atMs }) => atMs >= nowMs - SPEED_WINDOW_MS);
    this.#output.write(`\r${progressLine(doneBytes, this.#sizeBytes, this.#bytesPerSecond())}\u001b[K`);
  }

  /** Takes the line away. */
  clear(): void {
    if (this.#output.isTTY === true) this.#output.write("\r\u001b[K");
  }

  #bytesPerSecond(): number | undefined {
    const [first, last] = [this.#marks[0], this.#marks.at(-1)];
    if (first === undefined || last === undefined || last.atMs - first.atMs < SPEED_WINDOW_MS / 10) return undefined;
    return ((last.bytes - first.bytes) * 1000) / (last.atMs - first.atMs);
  }
}

/** `[######------]  45 %  12.3 MB of 27.0 MB  3.4 MB/s  4 s left` */
export function progressLine(doneBytes: number, sizeBytes: number, bytesPerSecond: number | undefined): string {
  const share = sizeBytes === 0 ? 1 : Math.min(1, doneBytes / sizeBytes);
  const full = Math.floor(share * BAR_LENGTH);
  const parts = [
    `[${"#".repeat(full)}${"-".repeat(BAR_LENGTH - full)}]`,
    `${Math.floor(share * 100)} %`.padStart(5),
    `${sizeText(doneBytes)} of ${sizeText(sizeBytes)}`,
  ];
  if (bytesPerSecond !== undefined) parts.push(`${sizeText(bytesPerSecond)}/s`);
  if (bytesPerSecond !== undefined && bytesPerSecond > 0)
    parts.push(timeText((sizeBytes - doneBytes) / bytesPerSecond));
  return parts.join("  ");
}

/** A size with three digits, in powers of 1000 as disks and networks are sold. */
export function sizeText(bytes: number): string {
  let [value, unit] = [bytes, 0];
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? Math.round(value) : value.toPrecision(3)} ${UNITS[unit]}`;
}

function timeText(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)} s left`;
  if (seconds < 3600) return `${Math.ceil(seconds / 60)} min left`;
  return `${Math.ceil(seconds / 360) / 10} h left`;
}
