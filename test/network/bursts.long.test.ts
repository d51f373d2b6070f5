import { PATIENCE_MS } from "../support/patience.ts";
import { itOnShapedLines } from "../support/requires.ts";
import { runBursts } from "./bursts.ts";

const it = itOnShapedLines();

const MBIT = 1_000_000;
/**
 * Faster than the 1 Mbit/s of bursts.soak.test.ts where that would take minutes. Every sender gets what all others send:
 * where there are many, here are fewer than there.
 */
const LARGE = { bitsPerSecond: 4 * MBIT, messagesEach: 1 };
const SLOW = { bitsPerSecond: MBIT, messagesEach: 1 };
const MANY = { bitsPerSecond: 2 * MBIT, messagesEach: 20 };
const TIMEOUT_MS = 600_000 + PATIENCE_MS;

it(
  "loses nothing of large bursts and closes nobody",
  () =>
    runBursts([
      { ...LARGE, name: "8 x 4 MB", senderCount: 8, messageBytes: 4_000_000, form: "binary" },
      { ...SLOW, name: "8 x 700 KB", senderCount: 8, messageBytes: 700_000, form: "json" },
      { ...SLOW, name: "100 x 64 KB", senderCount: 100, messageBytes: 65_536, form: "json" },
      { ...MANY, name: "8 x 20 x 64 KB", senderCount: 8, messageBytes: 65_536, form: "binary" },
    ]),
  TIMEOUT_MS,
);

it(
  "loses nothing of bursts of many senders and closes nobody",
  () =>
    runBursts([
      { ...LARGE, name: "30 x 1 MB", senderCount: 30, messageBytes: 1_000_000, form: "binary" },
      { ...SLOW, name: "200 x 16 KB", bitsPerSecond: MBIT / 2, senderCount: 200, messageBytes: 16_384, form: "json" },
      { ...MANY, name: "30 x 20 x 16 KB", senderCount: 30, messageBytes: 16_384, form: "json" },
    ]),
  TIMEOUT_MS,
);
