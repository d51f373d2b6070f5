import fc from "fast-check";
import { expect, it, vi } from "vitest";
import { Holds } from "../../relay/hub/holds.ts";
import { Outbox } from "../../relay/hub/outbox.ts";
import { ReaderProgress } from "../../relay/websocket/reader-progress.ts";
import { type CongestionRule, HOLD_LIMIT_BYTES, HubModel, type HubVariant } from "../support/hub-model.ts";
import { TestTime } from "../support/test-time.ts";
import {
  type ClientOptions,
  type Scenario,
  TimedRelay,
  type TimedRule,
  type TimedVariant,
} from "../support/timed-relay.ts";

const CONNECTIONS = 5;
/** Never felt; and felt soon. */
const HELD_BOUNDS = { wide: 1_000_000_000, narrow: 4 * HOLD_LIMIT_BYTES } as const;

const connection = fc.nat(CONNECTIONS - 1);
const topic = fc.constantFrom("a", "b");
const size = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 300, max: 5000 }));
const step = fc.oneof(
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
    // A third of the kernel's buffer must be read within the 30 s in which only the kernel can tell: docs/protocol.md.
    let slowest = Number.POSITIVE_INFINITY;
    for (const { bytesPerSecond } of clients) slowest = Math.min(slowest, bytesPerSecond);
    return { clients, kernelBytes: Math.min(kernelBytes, slowest * 60) };
  });

function timed(variant: () => TimedVariant = () => ({})) {
  return fc.property(scenario, (parts) => new TimedRelay(parts, variant()).run());
}

it("cuts nobody who reads, ends the dead in time, breaks rings one by one and lets all drain", () => {
  fc.assert(timed(), { numRuns: 100 });
});

const steady = {
  kind: "steady",
  bytesPerSecond: 125_000,
  isClassic: false,
  messageCount: 0,
  messageBytes: 300_000,
} as const;

/** What each wrong relay breaks first: a scenario that shows it stands before those that chance finds. */
const timedDefects: readonly (readonly [string, TimedRule, () => TimedVariant, Scenario])[] = [
  [
    "no window",
    "no live reader is cut",
    () => ({ createProgress: (limits) => new WithoutWindow(limits) }),
    {
      clients: [
        { ...steady, bytesPerSecond: 40_000 },
        { ...steady, messageCount: 40 },
      ],
      kernelBytes: 4_000_000,
    },
  ],
  [
    "a clock that restarts at each hold",
    "the dead are ended in time",
    () => ({ createProgress: (limits) => new WithRestartingClock(limits) }),
    {
      clients: [
        { kind: "dead", bytesPerSecond: 40_000, isClassic: true, messageCount: 400, messageBytes: 70_000 },
        { ...steady, bytesPerSecond: 40_000 },
        { ...steady, messageCount: 4 },
      ],
      kernelBytes: 100_000,
    },
  ],
  [
    "pings while unread",
    "no ping while not read",
    () => ({ createProgress: (limits) => new WithPingsWhileUnread(limits) }),
    {
      clients: [
        { ...steady, isClassic: true, messageCount: 12 },
        { ...steady, messageCount: 12 },
      ],
      kernelBytes: 100_000,
    },
  ],
];

class WithoutWindow extends ReaderProgress {
  override get roomBytes(): number {
    return Number.POSITIVE_INFINITY;
  }
}

class WithRestartingClock extends ReaderProgress {
  override readAgain(nowMs: number): void {
    super.readAgain(nowMs);
    this.freed(nowMs);
  }
}

class WithPingsWhileUnread extends ReaderProgress {
  override unread(): void {
    // Not told, it goes on asking.
  }
}

it.each(timedDefects)("catches %s", (_defect, rule, variant, shown) => {
  new TimedRelay(shown).run();

  const { failed, errorInstance } = fc.check(timed(variant), { numRuns: 1, examples: [[shown]], endOnFailure: true });

  expect(failed).toBe(true);
  expect(errorInstance).toMatchObject({ message: expect.stringMatching(`^${rule}: `) });
});

class AllRoundsAtOnce extends TestTime {
  override nextTurn(task: () => void): void {
    task();
  }
}

const hubDefects: readonly (readonly [string, CongestionRule, () => HubVariant])[] = [
  [
    "own congestion that pauses reading",
    "who is held is not read, and nobody else",
    () => {
      const { congested } = Holds.prototype;
      vi.spyOn(Holds.prototype, "congested").mockImplementation(function (this: Holds, peer) {
        congested.call(this, peer);
        peer.link.pause();
      });
      return {};
    },
  ],
  [
    "newcomers that do not queue",
    "newcomers queue",
    () => {
      vi.spyOn(Outbox.prototype, "hasRoom", "get").mockImplementation(function (this: Outbox) {
        return this.isBelowHighWater;
      });
      return {};
    },
  ],
  ["all rounds at once", "one message each per round", () => ({ time: new AllRoundsAtOnce() })],
];

it.each(hubDefects)("catches %s", (_defect, rule, variant) => {
  const parts = variant();

  // A rule that it breaks by the way counts only where its own is never the first.
  const { failed, errorInstance } = fc.check(
    congestion(() => parts),
    { numRuns: 200, endOnFailure: true },
  );

  expect(failed).toBe(true);
  expect(errorInstance).toMatchObject({ message: expect.stringMatching(`^${rule}: `) });
});
