import fc from "fast-check";
import { LaneNetwork } from "./lane-network.ts";

const end = fc.nat(1);
const size = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 5, max: 2000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 5, max: 400_000 }) },
);

/** What may happen, in any order. `isTwin`: the same bytes as the last. */
export type Step =
  | { do: "send"; end: number; size: number; count: number; isTwin: boolean }
  | { do: "cut"; end: number; downMs: number }
  | { do: "lose"; count: number }
  | { do: "read"; end: number; hasRoom: boolean }
  | { do: "pass"; durationMs: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constant("send" as const),
      end,
      size,
      count: fc.integer({ min: 1, max: 6 }),
      isTwin: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("cut" as const),
      end,
      downMs: fc.constantFrom(1, 15, 500, 5000, 12_000, 80_000),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("lose" as const), count: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("read" as const), end, hasRoom: fc.boolean() }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("pass" as const),
      durationMs: fc.constantFrom(1, 5, 12, 30, 400, 2000, 9000, 75_000),
    }),
  },
);

/** All promises that can have settled have. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 8; turn += 1) await Promise.resolve();
}

function apply(network: LaneNetwork, it: Step, tags: { last: number }): void {
  if (it.do === "cut") network.cut(network.end(it.end), it.downMs);
  else if (it.do === "lose") network.lose += it.count;
  else if (it.do === "read") network.end(it.end).read(it.hasRoom);
  else if (it.do === "pass") network.clock.advance(it.durationMs);
  else
    for (let sent = 0; sent < it.count; sent += 1) {
      if (!it.isTwin) tags.last += 1;
      const payload = new Uint8Array(it.size);
      new DataView(payload.buffer).setUint32(0, tags.last);
      network.end(it.end).send(network.end(it.end + 1).sid, payload);
    }
}

/** What is wrong with a network now. */
function faultsOf(network: LaneNetwork, when: "now" | "at the end"): string[] {
  const [one, other] = network.ends;
  if (one === undefined || other === undefined) return ["no ends"];
  const faults = [...one.faults, ...other.faults].filter((fault) => !fault.endsWith("flood"));
  return [...network.broken, ...faults, ...one.faultsOf(other, when), ...other.faultsOf(one, when)];
}

/**
 * Whatever is cut, lost, read and sent: each message arrives once, in order, or its place is told as lost, or its call rejects;
 * no number has two messages; no more than the window is kept; and when all is well again, all has arrived.
 */
export function lanesKeepTheirPromise(
  create: () => LaneNetwork = () => new LaneNetwork(["one", "other"]),
): fc.IAsyncPropertyWithHooks<[Step[]]> {
  return fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
    const network = create();
    const tags = { last: 0 };
    for (const each of steps) {
      apply(network, each, tags);
      await settled();
      const faults = faultsOf(network, "now");
      if (faults.length > 0) throw new Error(faults.join("; "));
    }
    network.lose = 0;
    for (const each of network.ends) each.read(true);
    for (let second = 0; second < 120; second += 1) {
      network.clock.advance(1000);
      await settled();
    }
    const faults = faultsOf(network, "at the end");
    if (faults.length > 0) throw new Error(faults.join("; "));
  });
}
