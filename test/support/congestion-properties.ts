import fc from "fast-check";
import { HOLD_LIMIT_BYTES, HubModel, type HubVariant } from "./hub-model.ts";
import { type ClientOptions, type Scenario, TimedRelay, type TimedVariant } from "./timed-relay.ts";

const CONNECTIONS = 5;
/** Never felt; and felt soon. */
const HELD_BOUNDS = { wide: 1_000_000_000, narrow: 4 * HOLD_LIMIT_BYTES } as const;

const connection = fc.nat(CONNECTIONS - 1);
const topic = fc.constantFrom("a", "b");
const size = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 300, max: 5000 }));
/** What may happen, in any order. */
type Step =
  | { do: "join"; connection: number; topic: string; isWelcomed: boolean }
  | { do: "leave"; connection: number; topic: string }
  | { do: "come again"; connection: number; topic: string }
  | { do: "publish"; connection: number; topic: string; size: number }
  | { do: "send"; connection: number; topic: string; size: number; to: number }
  | { do: "drain"; connection: number; size: number }
  | { do: "turn" }
  | { do: "pass"; durationMs: number }
  | { do: "end"; connection: number; how: "cut" | "closed" | "slow" };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("join" as const), connection, topic, isWelcomed: fc.boolean() }),
  },
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

/** Whatever happens, all rules hold after each step. All have joined before: what follows is about who has no room. */
export function hubKeepsItsRules(variant: () => HubVariant = () => ({})): fc.IProperty<["wide" | "narrow", Step[]]> {
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

const client: fc.Arbitrary<ClientOptions> = fc.record({
  kind: fc.constantFrom("steady" as const, "blocking" as const, "mute" as const, "dead" as const),
  bytesPerSecond: fc.constantFrom(16_000, 40_000, 125_000, 1_000_000),
  isClassic: fc.boolean(),
  messageCount: fc.integer({ min: 0, max: 12 }),
  messageBytes: fc.constantFrom(1000, 16_000, 70_000, 300_000),
});
const mixed = fc.array(client, { minLength: 2, maxLength: 5 });
const ring = fc
  .array(client, { minLength: 2, maxLength: 4 })
  .map((clients): ClientOptions[] =>
    clients.map((each) => ({ ...each, kind: "blocking", messageCount: each.messageCount + 4 })),
  );
const scenario = fc
  .record({
    clients: fc.oneof({ weight: 3, arbitrary: mixed }, { weight: 1, arbitrary: ring }),
    kernelBytes: fc.constantFrom(100_000, 1_000_000, 4_000_000),
  })
  .map(({ clients, kernelBytes }): Scenario => {
    // Of one that answers no pings the kernel must have taken something twice within 34 s, each time when a third of its
    // buffer had been read: docs/protocol.md.
    let slowest = Number.POSITIVE_INFINITY;
    for (const { bytesPerSecond } of clients) slowest = Math.min(slowest, bytesPerSecond);
    return { clients, kernelBytes: Math.min(kernelBytes, slowest * 40) };
  });

/** With clients of all kinds and lines of all speeds the rules of time hold. */
export function relayKeepsItsTimes(variant: () => TimedVariant = () => ({})): fc.IProperty<[Scenario]> {
  return fc.property(scenario, (parts) => new TimedRelay(parts, variant()).run());
}
