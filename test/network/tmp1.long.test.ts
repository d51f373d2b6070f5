import { it } from "vitest";
import { runBursts } from "./bursts.ts";

const bitsPerSecond = 4_000_000;
it("c", async () => {
  await runBursts([
    { bitsPerSecond, messagesEach: 1, name: "300 x 64 KB", senderCount: 300, messageBytes: 65536, form: "json" },
  ]);
}, 300000);
