/** What the program at a desk tells, one JSON object per line. Times are since it began to connect. */
export type DeskEvent =
  | { readonly event: "state"; readonly state: string; readonly afterMs: number }
  /** An attempt has failed. */
  | { readonly event: "error"; readonly code: string; readonly message: string; readonly afterMs: number }
  /** Messages of three sizes have gone to another member and back. */
  | { readonly event: "passes"; readonly transport: string; readonly afterMs: number }
  /** One more number has come back. */
  | { readonly event: "echo" }
  /** What was sent by number, and what of it came back: each in its place, behind those that were told as lost. */
  | {
      readonly event: "streamed";
      readonly sentCount: number;
      readonly receivedCount: number;
      /** So many were told as lost. */
      readonly lostCount: number;
      readonly isInOrder: boolean;
    };
