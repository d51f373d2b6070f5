import fc from "fast-check";
import { DeliveryError } from "../../client/errors.ts";
import type { Defect, MemberKind, NetworkOptions, SimMember } from "./delivery-member.ts";
import { DeliveryNetwork } from "./delivery-network.ts";

/** What happens to somebody at some time. */
type Step = { readonly afterMs: number; readonly who: number } & (
  | { readonly do: "send"; readonly count: number; readonly sizeBytes: number; readonly everyMs: number }
  | { readonly do: "cut"; readonly noticeMs: number; readonly dialMs: number; readonly relayNoticeMs: number }
  | { readonly do: "kill"; readonly downMs: number }
  | { readonly do: "flap"; readonly times: number; readonly awayMs: number; readonly hereMs: number }
  | { readonly do: "join"; readonly kind: MemberKind }
  | { readonly do: "unread"; readonly ms: number }
  | { readonly do: "congest"; readonly ms: number }
  | { readonly do: "impatient"; readonly count: number; readonly sizeBytes: number }
  | { readonly do: "leave" }
  | { readonly do: "flush" }
);

export type Scenario = {
  readonly seed: number;
  readonly network: Partial<NetworkOptions>;
  readonly kinds: readonly MemberKind[];
  readonly steps: readonly Step[];
};

const ms = (max: number): fc.Arbitrary<number> => fc.integer({ min: 0, max });

const step: fc.Arbitrary<Step> = fc
  .tuple(
    fc.record({ afterMs: fc.oneof(ms(50), ms(3000)), who: fc.nat(7) }),
    fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({
          do: fc.constant("send" as const),
          count: fc.integer({ min: 1, max: 60 }),
          sizeBytes: fc.oneof(fc.integer({ min: 5, max: 200 }), fc.integer({ min: 5, max: 8000 })),
          everyMs: fc.constantFrom(0, 1, 10, 50),
        }),
      },
      {
        weight: 4,
        arbitrary: fc.record({
          do: fc.constant("cut" as const),
          noticeMs: fc.oneof(ms(100), ms(5000)),
          dialMs: fc.oneof(ms(500), ms(12_000)),
          relayNoticeMs: fc.oneof(ms(200), ms(20_000)),
        }),
      },
      { weight: 2, arbitrary: fc.record({ do: fc.constant("kill" as const), downMs: fc.oneof(ms(500), ms(10_000)) }) },
      {
        weight: 1,
        arbitrary: fc.record({
          do: fc.constant("flap" as const),
          times: fc.integer({ min: 1, max: 4 }),
          awayMs: ms(3000),
          hereMs: ms(5000),
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({
          do: fc.constant("join" as const),
          kind: fc.constantFrom<MemberKind>("good", "good", "mute", "liar"),
        }),
      },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("unread" as const), ms: ms(15_000) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("congest" as const), ms: ms(3000) }) },
      {
        weight: 2,
        arbitrary: fc.record({
          do: fc.constant("impatient" as const),
          count: fc.integer({ min: 1, max: 80 }),
          sizeBytes: fc.integer({ min: 5, max: 20_000 }),
        }),
      },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("leave" as const) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("flush" as const) }) },
    ),
  )
  .map(([when, what]) => ({ ...when, ...what }));

/** All that may happen to a topic, within bounds that keep a run short. */
export const scenario: fc.Arbitrary<Scenario> = fc.record({
  seed: fc.nat(),
  network: fc.record({
    latencyMs: fc.constantFrom(1, 20, 80),
    jitterMs: fc.constantFrom(0, 2),
    bytesPerMs: fc.constantFrom(100, 1000, 20_000),
    resendBufferBytes: fc.constantFrom(65_536, 262_144, 1_048_576),
    lossRate: fc.constantFrom(0, 0, 0.05),
    repairLossRate: fc.constantFrom(0, 0, 0.3),
    duplicateRate: fc.constantFrom(0, 0, 0.1),
    startMs: fc.constantFrom(0, 1e9, 123_456.789),
  }),
  kinds: fc.array(fc.constantFrom<MemberKind>("good", "good", "good", "mute", "unread", "liar"), {
    minLength: 2,
    maxLength: 5,
  }),
  steps: fc.array(step, { minLength: 1, maxLength: 25 }),
});

/** Runs it, heals all, waits, and looks whether all have all. @throws Broken */
export function play({ seed, network, kinds, steps }: Scenario, defect: Defect = {}): DeliveryNetwork {
  const topic = new DeliveryNetwork({ ...network, seed, defect });
  for (const kind of kinds) topic.add(kind);
  const gone = new Set<SimMember>();
  for (const next of steps) {
    topic.run(next.afterMs);
    const member = topic.members[next.who % topic.members.length];
    if (member !== undefined && !gone.has(member)) perform(topic, member, next, gone);
  }
  heal(topic, gone);
  topic.truth.checkQuiet(topic.members.filter((member) => !gone.has(member)).map(({ sid }) => sid));
  topic.close(new DeliveryError("closed"));
  return topic;
}

/** A long quiet time in which everything works. */
function heal(topic: DeliveryNetwork, gone: ReadonlySet<SimMember>): void {
  for (const member of topic.members) {
    if (member.kind !== "unread" || gone.has(member)) continue;
    member.kind = "good";
    member.hasRoom = true;
    member.delivery.roomAgain();
  }
  topic.run(25_000);
  topic.lossRate = 0;
  topic.repairLossRate = 0;
  topic.duplicateRate = 0;
  for (const member of topic.members) if (!gone.has(member)) void broadcast(topic, member, 9);
  topic.run(90_000);
}

function perform(topic: DeliveryNetwork, member: SimMember, next: Step, gone: Set<SimMember>): void {
  switch (next.do) {
    case "send":
      if (member.kind === "liar") return lie(topic, member, next.count);
      for (let index = 0; index < next.count; index += 1) {
        topic.clock.after(index * next.everyMs, () => {
          if (!gone.has(member)) void broadcast(topic, member, next.sizeBytes);
        });
      }
      return;
    case "impatient":
      if (member.kind === "liar") return;
      for (let index = 0; index < next.count; index += 1) {
        const aborter = new AbortController();
        const wait = topic.random() < 0.5;
        void broadcast(topic, member, next.sizeBytes, { wait, signal: aborter.signal });
        topic.clock.after(topic.random() * 500, () => aborter.abort());
      }
      return;
    case "cut":
      return topic.cut(member, next);
    case "kill":
      return topic.kill(next.downMs);
    case "flap":
      for (let index = 0; index < next.times; index += 1) {
        topic.clock.after(index * (next.awayMs + next.hereMs), () => {
          if (!gone.has(member))
            topic.cut(member, { noticeMs: next.awayMs / 2, dialMs: next.awayMs / 2, relayNoticeMs: 50 });
        });
      }
      return;
    case "join":
      if (topic.members.length < 8) topic.add(next.kind);
      return;
    case "unread":
      member.hasRoom = false;
      topic.clock.after(next.ms, () => {
        if (member.kind === "unread") return;
        member.hasRoom = true;
        member.delivery.roomAgain();
      });
      return;
    case "congest":
      return topic.congest(member, next.ms);
    case "leave":
      gone.add(member);
      return topic.leave(member);
    case "flush":
      void member.delivery.flush().catch(() => undefined);
  }
}

function broadcast(
  topic: DeliveryNetwork,
  member: SimMember,
  sizeBytes: number,
  options: { wait?: boolean; signal?: AbortSignal } = {},
): Promise<void> {
  if (member.kind === "liar") return Promise.resolve();
  return topic.broadcast(member, sizeBytes, options).catch(() => undefined);
}

/** Frames of all kinds, some of them true. */
function lie(topic: DeliveryNetwork, liar: SimMember, count: number): void {
  for (let index = 0; index < count; index += 1) {
    const bytes = Uint8Array.from({ length: 8 + Math.floor(topic.random() * 60) }, () =>
      Math.floor(topic.random() * 256),
    );
    bytes[0] = Math.floor(topic.random() * 7);
    bytes[1] = topic.random() < 0.5 ? 0 : ([1, 2, 16, 32, 34, 8, 4, 64][Math.floor(topic.random() * 8)] ?? 0);
    // Small numbers are the ones that others have.
    if (topic.random() < 0.8)
      for (const offset of [2, 3, 4, 5, 8, 9, 10, 11, 12, 18, 19, 20, 21, 24]) bytes[offset] = 0;
    const length = [0, 30, 26, 26, 30, 24, 30][bytes[0] ?? 0] ?? 30;
    const frame = bytes.slice(0, topic.random() < 0.8 ? length : bytes.length);
    const target = topic.members[Math.floor(topic.random() * topic.members.length)];
    topic.inject(liar, frame, topic.random() < 0.7 && target !== undefined ? [target.sid] : undefined);
  }
}
