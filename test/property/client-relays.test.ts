import fc from "fast-check";
import { expect, it } from "vitest";
import type { TopicKeys } from "../../client/sealing/derivation.ts";
import { RelayedMember } from "../support/relayed-member.ts";
import { keysOf, SealedNetwork, type Tamper } from "../support/sealed-network.ts";
import { mulberry32 } from "../support/seeded-random.ts";
import { SimClock } from "../support/sim-clock.ts";
import { WatchedCryptography } from "../support/watched-cryptography.ts";

const MEMBER_COUNT = 4;
/** Shorter than the grace: who is back within it has not been away. */
const MAX_DOWN_MS = 2500;

const action = fc.oneof(
  { weight: 8, arbitrary: fc.record({ type: fc.constant("broadcast"), who: fc.nat(), sizeBytes: fc.nat(3000) }) },
  { weight: 5, arbitrary: fc.record({ type: fc.constant("send"), who: fc.nat(), whom: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("kill"), relay: fc.nat(), downMs: fc.nat(MAX_DOWN_MS) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("cut"), who: fc.nat(), relay: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("swap"), who: fc.nat() }) },
  { weight: 8, arbitrary: fc.record({ type: fc.constant("run"), durationMs: fc.nat(400) }) },
);

type Action = typeof action extends fc.Arbitrary<infer Value> ? Value : never;

/** A relay that loses or doubles one frame in a hundred. */
function badRelay(random: () => number): Tamper {
  return ({ bytes }) => {
    const luck = random();
    if (luck < 0.005) return [];
    return luck < 0.01 ? [bytes, bytes] : [bytes];
  };
}

/** Members on three relays, which die and come back; some of the members see only two of them. */
class Play {
  readonly #networks: readonly SealedNetwork[];
  readonly #members: readonly RelayedMember[];
  readonly #roundTripsMs: number[][];
  readonly #sentTo = new Map<string, string[]>();
  #count = 0;

  constructor(keys: TopicKeys | undefined, cryptography: WatchedCryptography, random: () => number) {
    const clock = new SimClock();
    this.#networks = [5, 20, 60].map((latencyMs) => new SealedNetwork(clock, latencyMs));
    for (const network of this.#networks) network.tamper = badRelay(random);
    this.#roundTripsMs = Array.from({ length: MEMBER_COUNT }, () => [10, 40, 120]);
    const [one, two, three] = this.#networks as [SealedNetwork, SealedNetwork, SealedNetwork];
    const seen: [SealedNetwork, ...SealedNetwork[]][] = [
      [one, two, three],
      [one, two, three],
      [two, one],
      [three, two],
    ];
    this.#members = seen.map(
      (networks, index) =>
        new RelayedMember(networks, keys, { cryptography, roundTripsMs: this.#roundTripsMs[index] ?? [] }),
    );
    this.run(5000);
    expect(this.#members.map(({ topic }) => topic.peers.size)).toEqual(Array(MEMBER_COUNT).fill(MEMBER_COUNT - 1));
  }

  do(now: Action): void {
    const member = this.#member("who" in now ? now.who : 0);
    const relay = "relay" in now ? now.relay : 0;
    if ("durationMs" in now) this.run(now.durationMs);
    else if ("downMs" in now) this.#networks[relay % this.#networks.length]?.kill(now.downMs);
    else if ("sizeBytes" in now) this.#broadcast(member, now.sizeBytes);
    else if ("whom" in now) this.#send(member, this.#member(now.whom));
    else if (now.type === "cut") member.lines[relay % member.lines.length]?.cut();
    else {
      this.#roundTripsMs[this.#members.indexOf(member)]?.reverse();
      member.topic.reviewRoutes();
    }
  }

  run(durationMs: number): void {
    this.#networks[0]?.run(durationMs);
  }

  /** Each has heard all that the others said, once and in each sender's order, and nobody was seen to leave. */
  check(): void {
    for (const member of this.#members) {
      const leaves = member.seen.filter((line) => line.startsWith("leave"));
      expect([leaves, member.lostCount]).toEqual([[], 0]);
      for (const sender of this.#members) {
        if (sender === member) continue;
        const heard = member.heard.filter((line) => line.replace("!", "").startsWith(`${sender.sid} `));
        expect(heard.filter((line) => !isDirect(line))).toEqual(this.#sent(sender, undefined));
        expect(heard.filter(isDirect)).toEqual(this.#sent(sender, member));
      }
    }
  }

  #member(index: number): RelayedMember {
    return this.#members[index % MEMBER_COUNT] as RelayedMember;
  }

  #broadcast(member: RelayedMember, sizeBytes: number): void {
    this.#count += 1;
    const text = `${this.#count}`.padEnd(sizeBytes, ".");
    this.#sent(member, undefined).push(`${member.sid} ${text}`);
    void member.topic.broadcast(text);
  }

  #send(from: RelayedMember, to: RelayedMember): void {
    if (from === to) return;
    this.#count += 1;
    this.#sent(from, to).push(`!${from.sid} ${this.#count}`);
    void from.topic.send(to.sid, `${this.#count}`);
  }

  #sent(from: RelayedMember, to: RelayedMember | undefined): string[] {
    const key = `${from.sid} ${to?.sid}`;
    const sent = this.#sentTo.get(key) ?? [];
    this.#sentTo.set(key, sent);
    return sent;
  }
}

function isDirect(line: string): boolean {
  return line.startsWith("!");
}

it.each(["public", "sealed"])(
  "members of a %s topic on several relays hear everything once and in order, whichever of them die, and see nobody leave",
  async (kind) => {
    const keys = kind === "sealed" ? await keysOf(1) : undefined;

    fc.assert(
      fc.property(fc.array(action, { minLength: 20, maxLength: 120 }), fc.nat(), (actions, seed) => {
        const cryptography = new WatchedCryptography(new Map());
        const play = new Play(keys, cryptography, mulberry32(seed));
        for (const now of actions) play.do(now);
        play.run(120_000);
        play.check();
        expect(cryptography.reuses).toBe(0);
      }),
      { numRuns: 30 },
    );
  },
);
