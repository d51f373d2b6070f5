import type { SlowReason } from "../../relay/hub/ports.ts";
import { ReaderProgress } from "../../relay/websocket/reader-progress.ts";

export const KIB = 1024;
/** The spacing of pings at first. */
export const N: number = 16 * KIB;
export const CHECK_MS = 250;
const LIMITS = { stalledReaderTimeoutMs: 10_000, slowReaderTimeoutMs: 15_000, slowReaderBytesPerSecond: 4096 };

/** A reader, the relay that writes to it, and a time that goes on with checks four times a second. */
export class ReaderScene {
  readonly progress: ReaderProgress = new ReaderProgress(LIMITS);
  nowMs: number = 0;
  /** Numbers of the pings that are out. */
  readonly pings: number[] = [];
  verdict: { readonly why: SlowReason; readonly atMs: number } | undefined;

  /** Sends a ping ahead of everything. */
  ping(): void {
    this.pings.push(this.progress.pinged(this.nowMs));
  }

  /** Writes one piece. @returns whether a ping went behind it. */
  write(byteCount: number): boolean {
    const isDue = this.progress.wrote(byteCount, this.nowMs);
    if (isDue) this.pings.push(this.progress.pinged(this.nowMs));
    return isDue;
  }

  /** Writes pieces of N while there is room. @returns the bytes. */
  fill(): number {
    let byteCount = 0;
    while (this.progress.roomBytes > 0 && this.pings.length < 16) {
      const pieceBytes = Math.min(this.progress.roomBytes, this.progress.fragmentBytes, N);
      this.write(pieceBytes);
      byteCount += pieceBytes;
    }
    return byteCount;
  }

  pong(): void {
    const number = this.pings.shift();
    if (number !== undefined) this.progress.ponged(number, this.nowMs);
  }

  /** Something waits all the time. */
  pass(durationMs: number): void {
    for (const untilMs = this.nowMs + durationMs; this.nowMs < untilMs; this.nowMs += CHECK_MS) this.#check();
    this.#check();
  }

  #check(): void {
    const why = this.progress.judge(this.nowMs);
    if (why !== undefined) this.verdict ??= { why, atMs: this.nowMs };
  }

  /** It has answered a first ping, and nothing is out. */
  static sighted(): ReaderScene {
    const scene = new ReaderScene();
    scene.write(N);
    scene.nowMs += 100;
    scene.pong();
    return scene;
  }
}
