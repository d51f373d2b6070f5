import type { Writable } from "node:stream";

/** Bytes of log lines that may wait for whoever takes them; a line above that is lost. Some seconds of the access log. */
export const MAX_LOG_BACKLOG_BYTES = 1_048_576;

/** The log is there again when this much of the backlog is free: not at once, or the news of it would be lost too. */
const RECOVERED_BYTES = MAX_LOG_BACKLOG_BYTES / 2;

/**
 * Where log lines go. Its reader may end or stand still, its disk may fill up, its terminal may go away: then lines are
 * lost and counted, and the relay goes on. Not pino's own destination: it writes in a thread of Node's pool, and where a
 * reader stands still that thread never comes back, so that the process cannot end any more. A stream of the process writes
 * to a pipe without waiting.
 */
export class LogDestination {
  readonly #stream: Writable;
  readonly #onRecovered: (lostLineCount: number) => void;
  #waitingBytes = 0;
  #lostLineCount = 0;
  #untoldCount = 0;
  /** What is on its way to tell of lost lines. */
  #report: "none" | "asked-for" | "under-way" = "none";
  /** A line was cut off, or may have been: the next one begins on a line of its own. */
  #isBroken = false;
  #onSettled: (() => void) | undefined;

  /** @param onRecovered lines can be written again: to log how many were lost. */
  constructor(stream: Writable, onRecovered: (lostLineCount: number) => void) {
    this.#stream = stream;
    this.#onRecovered = onRecovered;
    stream.on("error", ignoreError);
  }

  /** Lines lost since the start. */
  get lostLineCount(): number {
    return this.#lostLineCount;
  }

  /** Writes a line, with its line break. Never waits and never throws. */
  write(line: string): void {
    const isReport = this.#report === "asked-for";
    const byteCount = Buffer.byteLength(line);
    if (this.#waitingBytes + byteCount > MAX_LOG_BACKLOG_BYTES) {
      if (isReport) this.#report = "none";
      else this.#lose();
      return;
    }
    const told = isReport ? this.#untoldCount : 0;
    if (isReport) this.#report = "under-way";
    const text = this.#isBroken ? `\n${line}` : line;
    this.#isBroken = false;
    this.#waitingBytes += byteCount;
    this.#stream.write(text, (error) => {
      this.#waitingBytes -= byteCount;
      if (isReport) this.#report = "none";
      if (error) this.#failed(isReport);
      else this.#written(told);
      if (this.#waitingBytes === 0) this.#onSettled?.();
    });
  }

  /** Resolves when nothing waits to be written: never, perhaps. */
  async settled(): Promise<void> {
    if (this.#waitingBytes === 0) return;
    await new Promise<void>((resolve) => {
      this.#onSettled = resolve;
    });
  }

  #failed(isReport: boolean): void {
    this.#isBroken = true;
    // What a report had to tell is still untold.
    if (!isReport) this.#lose();
  }

  #written(told: number): void {
    this.#untoldCount -= told;
    if (this.#untoldCount === 0 || this.#report !== "none" || this.#waitingBytes > RECOVERED_BYTES) return;
    this.#report = "asked-for";
    this.#onRecovered(this.#untoldCount);
    // The log's level leaves such lines out.
    if (this.#report === "asked-for") {
      this.#report = "none";
      this.#untoldCount = 0;
    }
  }

  #lose(): void {
    this.#lostLineCount += 1;
    this.#untoldCount += 1;
  }
}

function ignoreError(): void {
  // Each line that cannot be written comes back with the error.
}
