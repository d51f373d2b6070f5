import { expect, it } from "vitest";
import { bestOf } from "../support/best-of.ts";
import { type Client, openV1 } from "../support/client.ts";
import { eventually } from "../support/eventually.ts";
import { startRelay } from "../support/relay.ts";
import { flood, percentile } from "./flood.ts";

/** Of a flood of large messages, which as fast as it can would leave no time for anybody. */
const FLOOD_BYTES_PER_SECOND = 2_000_000;
const LARGE_BYTES = 50_000;
/** Below this a ratio is a ratio of noise. */
const MEASURABLE_MS = 1;

function p99(sender: Client, receiver: Client, topic: string): Promise<number> {
  return percentile(0.99, sender, receiver, topic);
}

it("keeps the 99th percentile of others within twice what it was, in the flooded topic and beside it", async () => {
  const rates = { bytesPerSecondPerConnection: FLOOD_BYTES_PER_SECOND, rateBurstMs: 100 };
  const relay = await startRelay({ tls: "off", drainTimeoutMs: 200, ...rates });
  const beside = [
    (await openV1(relay, "beside", "sender"))[0],
    (await openV1(relay, "beside", "receiver"))[0],
  ] as const;
  const inside = [
    (await openV1(relay, "flooded", "member"))[0],
    (await openV1(relay, "flooded", "witness"))[0],
  ] as const;

  const ratio = await bestOf(
    async () => {
      const calm = [await p99(...beside, "beside"), await p99(...inside, "flooded")] as const;
      const [flooder] = await openV1(relay, "flooded", "flooder");
      const { bytes } = relay.figures();
      const stop = flood(flooder, "flooded", LARGE_BYTES);
      await eventually(() => expect(relay.figures().bytes - bytes).toBeGreaterThan(10 * LARGE_BYTES));
      const flooded = [await p99(...beside, "beside"), await p99(...inside, "flooded")] as const;
      stop();
      await eventually(() => expect(relay.figures().connections).toBe(4));
      return Math.max(...calm.map((calmMs, at) => (flooded[at] ?? 0) / Math.max(calmMs, MEASURABLE_MS)));
    },
    (figure) => figure < 2,
  );

  expect(ratio).toBeLessThan(2);
});
