import { PATIENCE_MS } from "../support/patience.ts";
import { itOnShapedLines } from "../support/requires.ts";
import { keepPausedSenders } from "./paused-senders.ts";

const it = itOnShapedLines();

/** Longer than what Python's websockets waits for a pong, 20 s after a ping every 20 s; 150 s in paused-senders.soak.test.ts. */
const DURATION_MS = 75_000;

it(
  "keeps senders of each kind whole that it does not read, and that hold back",
  () => keepPausedSenders(DURATION_MS),
  DURATION_MS + 120_000 + PATIENCE_MS,
);
