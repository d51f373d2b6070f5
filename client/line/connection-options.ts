import type { TokenSource } from "./token.ts";
import type { Transport } from "./transport.ts";

/** How a connection is made. */
export type ConnectionOptions = {
  readonly address: string;
  /** What `dial` dials. */
  readonly transport: Transport;
  /** Where newer tokens come from. */
  readonly token?: TokenSource | undefined;
  /** What is presented at first. */
  readonly firstToken: string | undefined;
  readonly connectTimeoutMs: number;
  readonly pingIntervalMs: number;
  /** Whether a relay was once reached at this address. */
  readonly hasBeenUp: boolean;
};

/** What came of something large: as much, or, as a relay gives that to members alone, a word that it came. */
export type Proof = "answer" | "refusal";
