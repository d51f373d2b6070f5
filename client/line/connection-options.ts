import type { Clock } from "../clock.ts";
import type { Dial, Judge } from "./socket.ts";
import type { TokenSource } from "./token.ts";
import type { Transport } from "./transport.ts";

/** What a connection is made of. */
export type ConnectionParts = {
  readonly clock: Clock;
  readonly dial: Dial;
  /** Judges what a relay says of its certificate; left out: the runtime shows no certificates. */
  readonly judge?: Judge | undefined;
  readonly epochMs?: (() => number) | undefined;
};

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
