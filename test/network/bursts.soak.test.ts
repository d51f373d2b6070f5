import { PATIENCE_MS } from "../support/patience.ts";
import { itOnShapedLines } from "../support/requires.ts";
import { runBursts } from "./bursts.ts";

const it = itOnShapedLines();

const bitsPerSecond = 1_000_000;

it(
  "loses nothing of large bursts where one reader has 1 Mbit/s",
  async () => {
    const line = { bitsPerSecond, messagesEach: 1 };
    await runBursts([
      { ...line, name: "8 x 4 MB", senderCount: 8, messageBytes: 4_000_000, form: "binary" },
      { ...line, name: "30 x 1 MB", senderCount: 30, messageBytes: 1_000_000, form: "binary" },
      { ...line, name: "8 x 700 KB", senderCount: 8, messageBytes: 700_000, form: "json" },
      { ...line, name: "300 x 64 KB", senderCount: 300, messageBytes: 65_536, form: "json" },
      { ...line, name: "1,000 x 16 KB", senderCount: 1000, messageBytes: 16_384, form: "json" },
      { ...line, name: "8 x 20 x 700 KB", senderCount: 8, messagesEach: 20, messageBytes: 700_000, form: "binary" },
      { ...line, name: "300 x 20 x 4 KB", senderCount: 300, messagesEach: 20, messageBytes: 4096, form: "json" },
    ]);
  },
  3_600_000 + PATIENCE_MS,
);
