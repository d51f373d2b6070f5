import { beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { Delivery } from "../../client/delivery/delivery.ts";
import type { TopicKeys } from "../../client/sealing/derivation.ts";
import { RelayedMember } from "../support/relayed-member.ts";
import { joinOn, keysOf, SealedNetwork } from "../support/sealed-network.ts";
import { SimClock } from "../support/sim-clock.ts";

let sealed: TopicKeys;

beforeAll(async () => {
  sealed = await keysOf(1);
});

const MESSAGE_EVERY_MS = 10;

/** Two relays of these latencies. */
function twoRelays(...latenciesMs: readonly [number, number]): [SealedNetwork, SealedNetwork] {
  const clock = new SimClock();
  return [new SealedNetwork(clock, latenciesMs[0]), new SealedNetwork(clock, latenciesMs[1])];
}

/** Members on both relays who know each other. */
function onBoth(networks: [SealedNetwork, SealedNetwork], keys: TopicKeys | undefined, count = 3): RelayedMember[] {
  const members = Array.from({ length: count }, () => new RelayedMember(networks, keys));
  networks[0].run(300);
  expect(members.map(({ topic }) => topic.peers.size)).toEqual(Array(count).fill(count - 1));
  return members;
}

/** The payload frames that went over a relay: control frames are short. */
const longFrames = ({ seen }: SealedNetwork): number => seen.filter(({ bytes }) => bytes.length > 200).length;
const long = (text: string): string => text.padEnd(300, ".");

describe.each(["public", "sealed"])("a %s topic on two relays", (kind) => {
  const keys = (): TopicKeys | undefined => (kind === "sealed" ? sealed : undefined);

  it("delivers once and in order, and sends what is for all over one relay", () => {
    const networks = twoRelays(5, 6);
    const [anna, bert, carl] = onBoth(networks, keys()) as [RelayedMember, RelayedMember, RelayedMember];

    for (let number = 0; number < 50; number += 1) void anna.topic.broadcast(long(`${number}`));
    networks[0].run(2000);

    const expected = Array.from({ length: 50 }, (_, number) => `${anna.sid} ${long(`${number}`)}`);
    expect([bert.heard, carl.heard]).toEqual([expected, expected]);
    expect([longFrames(networks[0]), longFrames(networks[1])]).toEqual([50, 0]);
    expect([anna, bert, carl].flatMap(({ faults }) => faults)).toEqual([]);
  });

  it.each([0, 1])(
    "loses nothing and shows nothing when relay %i dies under load, and stalls for less than 100 ms",
    (dead) => {
      const networks = twoRelays(5, 5);
      const [anna, bert] = onBoth(networks, keys(), 2) as [RelayedMember, RelayedMember];
      const { clock } = networks[0];
      let [largestGapMs, lastMs] = [0, clock.monotonicMs()];
      bert.topic.on("message", () => {
        largestGapMs = Math.max(largestGapMs, clock.monotonicMs() - lastMs);
        lastMs = clock.monotonicMs();
      });

      for (let number = 0; number < 200; number += 1) {
        void anna.topic.broadcast(`${number}`);
        void anna.topic.send(bert.sid, `${number}`);
        if (number === 100) networks[dead]?.kill(60_000);
        networks[0].run(MESSAGE_EVERY_MS);
      }
      networks[0].run(3000);

      const numbers = Array.from({ length: 200 }, (_, number) => `${anna.sid} ${number}`);
      expect(bert.heard.filter((line) => !line.startsWith("!"))).toEqual(numbers);
      expect(bert.heard.filter((line) => line.startsWith("!"))).toEqual(numbers.map((line) => `!${line}`));
      expect(bert.lostCount).toBe(0);
      expect([anna.seen, bert.seen]).toEqual([[`join ${bert.sid}`], [`join ${anna.sid}`]]);
      expect(largestGapMs).toBeLessThan(100);
    },
  );

  it("goes on where the other relay left off, each time that one of them dies", () => {
    const networks = twoRelays(5, 20);
    const [anna, bert] = onBoth(networks, keys(), 2) as [RelayedMember, RelayedMember];

    for (let number = 0; number < 400; number += 1) {
      void anna.topic.broadcast(`${number}`);
      void bert.topic.send(anna.sid, `${number}`);
      if (number % 100 === 50) networks[(number % 200) / 150 < 0.5 ? 0 : 1]?.kill(500);
      networks[0].run(MESSAGE_EVERY_MS);
    }
    networks[0].run(5000);

    expect(bert.heard).toEqual(Array.from({ length: 400 }, (_, number) => `${anna.sid} ${number}`));
    expect(anna.heard).toEqual(Array.from({ length: 400 }, (_, number) => `!${bert.sid} ${number}`));
    expect([...anna.seen, ...bert.seen]).toHaveLength(2);
  });

  it("reaches who is on one of them alone, whichever it is", () => {
    const networks = twoRelays(5, 6);
    const [anna] = onBoth(networks, keys(), 1) as [RelayedMember];
    const bert = new RelayedMember([networks[0]], keys());
    const carl = new RelayedMember([networks[1]], keys());
    networks[0].run(1500);

    void anna.topic.broadcast("to all");
    void anna.topic.send(carl.sid, "to carl");
    networks[0].run(1500);

    expect([bert.heard, carl.heard.toSorted()]).toEqual([
      [`${anna.sid} to all`],
      [`!${anna.sid} to carl`, `${anna.sid} to all`],
    ]);
  });

  it("leaves and comes as one, and is gone when it has left both", async () => {
    const networks = twoRelays(5, 6);
    const [anna, bert] = onBoth(networks, keys(), 2) as [RelayedMember, RelayedMember];

    bert.lines[0]?.cut();
    networks[0].run(50);
    expect(anna.seen).toEqual([`join ${bert.sid}`]);
    await bert.topic.leave();
    networks[0].run(1000);

    expect(anna.seen).toEqual([`join ${bert.sid}`, `leave ${bert.sid}`]);
  });

  it("shows presence as if there were one relay, also of who is back on one of them", () => {
    const networks = twoRelays(5, 50);
    const [anna, bert] = onBoth(networks, keys(), 2) as [RelayedMember, RelayedMember];
    const updates: string[] = [];
    anna.topic.on("update", ({ presence }) => updates.push(Buffer.from(presence ?? []).toString()));

    for (const text of ["one", "two", "three"]) {
      bert.topic.setPresence(text);
      networks[0].run(20);
    }
    networks[0].run(500);
    bert.lines[0]?.cut();
    networks[0].run(1000);

    expect(updates).toEqual(["one", "two", "three"]);
  });

  it("moves from one line to another at the same relay's name: the next is there before the last goes", () => {
    const networks = twoRelays(5, 5);
    const anna = new RelayedMember([networks[0]], keys());
    const bert = new RelayedMember([networks[0]], keys());
    networks[0].run(500);
    const next = [anna, bert].map((member) => joinOn(networks[1], member.topic));

    for (let number = 0; number < 50; number += 1) {
      void anna.topic.broadcast(`${number}`);
      if (number === 20) for (const line of anna.lines) line.cut(60_000);
      if (number === 30) for (const line of bert.lines) line.cut(60_000);
      networks[0].run(MESSAGE_EVERY_MS);
    }
    networks[0].run(3000);

    expect(next).toHaveLength(2);
    expect(bert.heard).toEqual(Array.from({ length: 50 }, (_, number) => `${anna.sid} ${number}`));
    expect(anna.seen).toEqual([`join ${bert.sid}`]);
  });
});

it("would stall for longer if nobody said what was sent on the route that has died: the test can fail", () => {
  const rerouted = vi.spyOn(Delivery.prototype, "rerouted").mockImplementation(() => undefined);
  onTestFinished(() => rerouted.mockRestore());
  const networks = twoRelays(5, 5);
  const [anna, bert] = onBoth(networks, undefined, 2) as [RelayedMember, RelayedMember];

  void anna.topic.send(bert.sid, "first");
  void anna.topic.broadcast("second");
  networks[0].kill(60_000);
  networks[0].run(500);

  expect(bert.heard).toEqual([]);
});

it("sends to one peer by the quicker route, and to all by the one that it has", () => {
  const networks = twoRelays(50, 5);
  const [anna, bert] = onBoth(networks, undefined, 2) as [RelayedMember, RelayedMember];
  networks[0].run(1000);

  void anna.topic.send(bert.sid, long("to one"));
  void anna.topic.broadcast(long("to all"));
  networks[0].run(500);

  expect([longFrames(networks[0]), longFrames(networks[1])]).toEqual([0, 2]);
});

it.each(["public", "sealed"])("adds up the ways of both ends, in a %s topic", (kind) => {
  const networks = twoRelays(5, 5);
  const keys = kind === "sealed" ? sealed : undefined;
  const anna = new RelayedMember(networks, keys, { roundTripsMs: [10, 50] });
  const bert = new RelayedMember(networks, keys, { roundTripsMs: [200, 50] });
  networks[0].run(1500);

  void anna.topic.send(bert.sid, long("there"));
  void bert.topic.send(anna.sid, long("back"));
  networks[0].run(500);

  expect([longFrames(networks[0]), longFrames(networks[1])]).toEqual([0, 2]);
  expect([anna.heard.length, bert.heard.length]).toEqual([1, 1]);
  expect([...anna.faults, ...bert.faults]).toEqual([]);
});

it("tells nobody how far it is where it is on one relay alone", () => {
  const [network] = twoRelays(5, 5);
  const members = [new RelayedMember([network], undefined), new RelayedMember([network], undefined)];

  network.run(500);

  expect(members.map(({ topic }) => topic.peers.size)).toEqual([1, 1]);
  expect(network.seen).toEqual([]);
});

it("looks again for a quicker route when it is told to, and loses nothing by the change", () => {
  const networks = twoRelays(5, 5);
  const roundTripsMs = [10, 30];
  const anna = new RelayedMember(networks, undefined, { roundTripsMs });
  const bert = new RelayedMember(networks, undefined);
  networks[0].run(500);

  for (let number = 0; number < 60; number += 1) {
    void anna.topic.send(bert.sid, long(`${number}`));
    if (number === 30) {
      roundTripsMs.reverse();
      anna.topic.reviewRoutes();
    }
    networks[0].run(MESSAGE_EVERY_MS);
  }
  networks[0].run(3000);

  expect(bert.heard).toEqual(Array.from({ length: 60 }, (_, number) => `!${anna.sid} ${long(`${number}`)}`));
  expect(longFrames(networks[0])).toBeGreaterThanOrEqual(30);
  expect(longFrames(networks[1])).toBeGreaterThanOrEqual(29);
});

it("finds out that two addresses lead to one relay, and keeps one of them", () => {
  const [network] = twoRelays(5, 5);
  const [anna, bert] = [new RelayedMember([network], undefined), new RelayedMember([network], undefined)];
  network.run(500);
  let doubledCount = 0;

  joinOn(network, anna.topic, { onDoubled: () => (doubledCount += 1) });
  network.run(500);
  void anna.topic.broadcast("once");
  network.run(3000);

  expect(doubledCount).toBe(1);
  expect(bert.heard).toEqual([`${anna.sid} once`]);
  expect(bert.seen).toEqual([`join ${anna.sid}`]);
});
