import type { ScanHandler } from "./scanner.ts";

const LINE_FEED = 10;

/** Divides messages that hold several, a line each: a server of JSON puts what waits into one frame. */
export class LineSplitter implements ScanHandler {
  readonly #next: ScanHandler;

  constructor(next: ScanHandler) {
    this.#next = next;
  }

  /** All of the message must be there. */
  onMessage(bytes: Uint8Array, start: number, byteCount: number): void {
    const end = start + byteCount;
    let at = start;
    while (at < end) {
      const found = bytes.indexOf(LINE_FEED, at);
      const lineEnd = found < 0 || found > end ? end : found;
      this.#next.onMessage(bytes, at, lineEnd - at);
      at = lineEnd + 1;
    }
  }

  onControl(kind: number, bytes: Uint8Array, start: number, byteCount: number): void {
    this.#next.onControl(kind, bytes, start, byteCount);
  }
}
