import fc from "fast-check";
import { expect, it } from "vitest";
import { deriveTopic, type TopicKeys } from "../../client/sealing/derivation.ts";
import { type SealedMemberSim, SealedNetwork, type Tamper } from "../support/sealed-network.ts";
import { mulberry32 } from "../support/seeded-random.ts";
import { WatchedCryptography } from "../support/watched-cryptography.ts";

const MAX_MEMBERS = 6;

const action = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant("broadcast"), who: fc.nat(), sizeBytes: fc.nat(3000) }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant("send"), who: fc.nat(), whom: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("cut"), who: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("add") }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("stranger"), who: fc.nat() }) },
  { weight: 6, arbitrary: fc.record({ type: fc.constant("run"), durationMs: fc.nat(900) }) },
);

type Action = typeof action extends fc.Arbitrary<infer Value> ? Value : never;

/** A relay that changes, doubles, swaps, holds back or drops one frame in ten. */
function badRelay(network: SealedNetwork, random: () => number): Tamper {
  return ({ bytes }) => {
    const luck = random();
    if (luck > 0.1) return [bytes];
    const at = Math.floor(random() * bytes.length);
    const other = network.seen[Math.floor(random() * network.seen.length)]?.bytes ?? bytes;
    if (luck < 0.02) return [];
    if (luck < 0.04) return [bytes, bytes];
    if (luck < 0.06) return [other, bytes];
    if (luck < 0.08) return [bytes.subarray(0, at)];
    return [bytes.with(at, (bytes[at] ?? 0) ^ (1 << Math.floor(random() * 8)))];
  };
}

class Play {
  readonly network = new SealedNetwork();
  readonly members: SealedMemberSim[] = [];
  readonly #keys: TopicKeys;
  readonly #cryptography: WatchedCryptography;
  readonly #owed = new Map<SealedMemberSim, string[]>();
  #count = 0;

  constructor(keys: TopicKeys, cryptography: WatchedCryptography) {
    this.#keys = keys;
    this.#cryptography = cryptography;
  }

  do(now: Action): void {
    const member = this.members[("who" in now ? now.who : 0) % Math.max(1, this.members.length)];
    if (now.type === "run" && "durationMs" in now) return this.network.run(now.durationMs);
    if (now.type === "add" || member === undefined) {
      if (this.members.length < MAX_MEMBERS) this.members.push(this.network.add(this.#keys, this.#cryptography));
    } else if (now.type === "cut") member.line.cut();
    else if (now.type === "broadcast" && "sizeBytes" in now) this.#broadcast(member, now.sizeBytes);
    else if (now.type === "send" && "whom" in now) this.#send(member, now.whom);
    else {
      const thief = this.network.addStranger(`${member.sid}.${"t".repeat(22)}`);
      thief.sendToAll(new Uint8Array(50).fill(1));
      this.network.clock.after(500, () => void thief.leave());
    }
  }

  /** Each has heard what it was owed, once and in each sender's order, and nothing that was not said. */
  check(): void {
    for (const member of this.members) {
      for (const { sid } of this.members) {
        const numbers = member.heard
          .filter((line) => line.startsWith(`${sid} all `))
          .map((line) => Number(line.split(" ")[2]));
        expect(numbers).toEqual([...new Set(numbers)].toSorted((a, b) => a - b));
      }
      const heard = new Set(member.heard.map((line) => line.trimEnd()));
      const missing = (this.#owed.get(member) ?? []).filter((line) => !heard.has(line));
      expect(missing).toHaveLength(member.lost.reduce((sum, count) => sum + count, 0));
    }
    expect(this.#cryptography.reuses).toBe(0);
  }

  #broadcast(member: SealedMemberSim, sizeBytes: number): void {
    this.#count += 1;
    const text = `all ${this.#count}`;
    for (const other of this.members) if (member.topic.peers.has(other.sid)) this.#owe(other, `${member.sid} ${text}`);
    void member.topic.broadcast(text.padEnd(sizeBytes));
  }

  #send(member: SealedMemberSim, whom: number): void {
    const other = this.members[whom % this.members.length];
    if (other === undefined || !member.topic.peers.has(other.sid)) return;
    this.#count += 1;
    this.#owe(other, `${member.sid} one ${this.#count}`);
    void member.topic.send(other.sid, `one ${this.#count}`);
  }

  #owe(member: SealedMemberSim, line: string): void {
    this.#owed.set(member, [...(this.#owed.get(member) ?? []), line]);
  }
}

it("delivers once and in order, and seals nothing twice under one nonce, whatever the relay does with the frames", async () => {
  const deriving = new WatchedCryptography(new Map());
  const keys = await deriveTopic(deriving, { secret: new Uint8Array(32).fill(9) });
  fc.assert(
    fc.property(fc.array(action, { minLength: 20, maxLength: 60 }), fc.nat(), (actions, seed) => {
      const play = new Play(keys, new WatchedCryptography(new Map()));
      for (let count = 0; count < 3; count += 1) play.do({ type: "add" });
      play.network.run(100);
      play.network.tamper = badRelay(play.network, mulberry32(seed));
      for (const now of actions) play.do(now);
      play.network.tamper = ({ bytes }) => [bytes];
      play.network.run(60_000);
      play.check();
    }),
    // The same plays in every run.
    { numRuns: 60, seed: 19 },
  );
});
