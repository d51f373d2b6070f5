import fc from "fast-check";
import { expect, it, vi } from "vitest";
import { Holds } from "../../relay/hub/holds.ts";
import { Outbox } from "../../relay/hub/outbox.ts";
import { type CongestionRule, HOLD_LIMIT_BYTES, HubModel, type HubVariant } from "../support/hub-model.ts";
import { TestTime } from "../support/test-time.ts";
import { TimedRelay } from "../support/timed-relay.ts";

const CONNECTIONS = 5;
/** Never felt; and felt soon. */
const HELD_BOUNDS = { wide: 1_000_000_000, narrow: 4 * HOLD_LIMIT_BYTES } as const;

const connection = fc.nat(CONNECTIONS - 1);
const topic = fc.constantFrom("a", "b");
const size = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 300, max: 5000 }));
const step = fc.oneof(
  { weight: 2, arbitrary: fc.record({ do: fc.constant("join" as const), connection, topic, isWelcomed: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("leave" as const), connection, topic }) },
  { weight: 16, arbitrary: fc.record({ do: fc.constant("publish" as const), connection, topic, size }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant("send" as const), connection, topic, size, to: connection }) },
  { weight: 12, arbitrary: fc.record({ do: fc.constant("drain" as const), connection, size }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant("turn" as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("pass" as const), durationMs: fc.constantFrom(250, 3000) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("come again" as const), connection, topic }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("end" as const),
      connection,
      how: fc.constantFrom("cut" as const, "closed" as const, "slow" as const),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function apply(model: HubModel, it: Step, isNarrow: boolean): void {
  if (it.do === "join") model.join(it.connection, it.topic, it);
  else if (it.do === "leave") model.leave(it.connection, it.topic);
  else if (it.do === "publish") model.publish(it.connection, it.topic, it.size);
  else if (it.do === "send") model.publish(it.connection, it.topic, it.size, it.to);
  else if (it.do === "drain") model.drain(it.connection, it.size * 2);
  else if (it.do === "turn") model.turn();
  else if (it.do === "come again") {
    model.end(it.connection, isNarrow ? "cut" : "closed");
    model.join(it.connection, it.topic, { isWelcomed: true });
  } else if (it.do === "pass") model.pass(it.durationMs);
  // Where the bound is felt, nothing outlives its connection: that has a test of its own.
  else model.end(it.connection, isNarrow && it.how === "closed" ? "cut" : it.how);
}

/** All is in one topic before the steps begin: what follows is about who has no room. */
function congestion(variant: () => HubVariant = () => ({})) {
  return fc.property(
    fc.constantFrom("wide" as const, "narrow" as const),
    fc.array(step, { minLength: 10, maxLength: 150 }),
    (bound, steps) => {
      const model = new HubModel(CONNECTIONS, HELD_BOUNDS[bound], variant());
      for (let index = 0; index < CONNECTIONS; index += 1)
        for (const topicName of ["a", "b"]) model.join(index, topicName, { isWelcomed: true });
      for (const each of steps) apply(model, each, bound === "narrow");
      model.finish();
    },
  );
}

it("loses nothing, overtakes nothing, starves nobody and holds what it must, whoever comes, goes, sends and reads", () => {
  fc.assert(congestion(), { numRuns: 400 });
});

const client = fc.record({
  kind: fc.constantFrom("steady" as const, "blocking" as const, "mute" as const, "dead" as const),
  bytesPerSecond: fc.constantFrom(16_000, 40_000, 125_000, 1_000_000),
  isClassic: fc.boolean(),
  messageCount: fc.integer({ min: 0, max: 12 }),
  messageBytes: fc.constantFrom(1000, 16_000, 70_000, 300_000),
});
const scenario = fc.record({
  clients: fc.array(client, { minLength: 2, maxLength: 5 }),
  kernelBytes: fc.constantFrom(100_000, 1_000_000, 4_000_000),
});

it("cuts nobody who reads, ends the dead in time and lets all drain, in time", () => {
  fc.assert(
    fc.property(scenario, (parts) => new TimedRelay(parts).run()),
    { numRuns: 60 },
  );
});
