import { PATIENCE_MS } from "../support/patience.ts";
import { itOnShapedLines } from "../support/requires.ts";
import { keepPausedSenders } from "./paused-senders.ts";

const it = itOnShapedLines();

/** What the relay promises. */
const DURATION_MS = 150_000;

it(
  "keeps senders of each kind whole that it does not read, and that hold back",
  () => keepPausedSenders(DURATION_MS),
  DURATION_MS + 120_000 + PATIENCE_MS,
);
