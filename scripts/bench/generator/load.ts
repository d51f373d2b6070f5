/** Work on a contestant that comes in slices: between two of them nothing is under way. */
export interface Load {
  /** Connects whoever takes part. */
  open(): Promise<void>;
  /** Works for so long, then waits for what is under way. @returns how many units were done: deliveries, or connections. */
  work(durationMs: number): Promise<number>;
  close(): void;
}
