import { beforeAll, describe, expect, it, vi } from "vitest";
import type { TopicKeys } from "../../client/sealing/derivation.ts";
import { keysOf, SealedNetwork } from "../support/sealed-network.ts";

let keys: TopicKeys;
let otherKeys: TopicKeys;

beforeAll(async () => {
  keys = await keysOf(1);
  otherKeys = await keysOf(2);
});

/** Two members who know each other, and what each has sent after that. */
function two(): {
  network: SealedNetwork;
  anna: ReturnType<SealedNetwork["add"]>;
  bert: ReturnType<SealedNetwork["add"]>;
} {
  const network = new SealedNetwork();
  const [anna, bert] = [network.add(keys), network.add(keys)];
  network.run(100);
  expect([anna.topic.peers.size, bert.topic.peers.size]).toEqual([1, 1]);
  return { network, anna, bert };
}

describe("members with the secret", () => {
  it("hear each other, and the relay sees neither words nor the same frame twice", () => {
    const { network, anna, bert } = two();

    void anna.topic.broadcast("the words");
    void bert.topic.send(anna.sid, "for one");
    network.run(3000);

    expect(bert.heard).toEqual([`${anna.sid} the words`]);
    expect(anna.heard).toEqual([`${bert.sid} for one`]);
    const seen = network.seen.map(({ bytes }) => Buffer.from(bytes).toString("latin1"));
    expect(seen.some((bytes) => /words|for one/.test(bytes))).toBe(false);
    expect(new Set(seen).size).toBe(seen.length);
    expect([...anna.faults, ...bert.faults]).toEqual([]);
  });

  it("go on after a cut of either, under new keys, and no leave is seen", () => {
    const { network, anna, bert } = two();
    const gone: string[] = [];
    for (const { topic } of [anna, bert]) topic.on("leave", ({ id }) => gone.push(id));

    for (const member of [anna, bert, anna]) {
      member.line.cut();
      void anna.topic.broadcast("a");
      void bert.topic.broadcast("b");
      network.run(5000);
    }

    expect(bert.heard).toEqual(Array(3).fill(`${anna.sid} a`));
    expect(anna.heard).toEqual(Array(3).fill(`${bert.sid} b`));
    expect(gone).toEqual([]);
    expect([...anna.faults, ...bert.faults]).toEqual([]);
  });

  it("are shown once they have proved themselves, also where nobody has sent anything", () => {
    const network = new SealedNetwork();
    const first = network.add(keys);
    network.run(1000);
    const members = [first, ...Array.from({ length: 9 }, () => network.add(keys))];

    network.run(100);

    expect(members.map(({ topic }) => topic.peers.size)).toEqual(Array(10).fill(9));
  });
});

describe("proofs", () => {
  const PROOF = 6;
  const count = ({ seen }: SealedNetwork): number => seen.filter(({ bytes }) => bytes[0] === PROOF).length;

  it.each([
    { latencyMs: 20, perPair: 1 },
    // So far away that those who were asked twice answer twice.
    { latencyMs: 700, perPair: 2 },
  ])("are $perPair of each member for each other where all join at once: %o", ({ latencyMs, perPair }) => {
    const network = new SealedNetwork(undefined, latencyMs);
    const members = Array.from({ length: 30 }, () => network.add(keys));

    network.run(15_000);

    expect(members.map(({ topic }) => topic.peers.size)).toEqual(Array(30).fill(29));
    expect(count(network)).toBe(perPair * 30 * 29);
  });

  it("are 2 with each member for a newcomer, and none after a restart of the relay", () => {
    const network = new SealedNetwork();
    for (let index = 0; index < 30; index += 1) network.add(keys);
    network.run(5000);
    const before = count(network);

    network.add(keys);
    network.run(5000);
    expect(count(network) - before).toBe(2 * 30);
    network.kill(100);
    network.run(5000);

    expect(count(network) - before).toBe(2 * 30);
  });
});

describe("what a member shows of itself", () => {
  it("is there when it is shown to the others, changes without leaving, and stays over a cut", () => {
    const { network, anna, bert } = two();
    const told: string[] = [];
    for (const event of ["join", "leave", "update"] as const) {
      bert.topic.on(event, ({ presence }) => told.push(`${event} ${textOf(presence)}`));
    }
    const carl = network.add(keys, undefined, "carl");
    network.run(100);
    carl.topic.setPresence("carl, away");
    carl.topic.setPresence("carl, away");
    anna.topic.setPresence("anna");
    network.run(100);
    carl.line.cut();
    network.run(1000);

    expect(told).toEqual(["join carl", "update carl, away", "update anna"]);
    expect(textOf(carl.topic.peers.get(anna.sid)?.presence)).toBe("anna");
    expect(textOf(bert.topic.peers.get(carl.sid)?.presence)).toBe("carl, away");
    expect(textOf(carl.topic.self.presence)).toBe("carl, away");
    expect([anna, bert, carl].flatMap(({ faults }) => faults)).toEqual([]);
  });

  it("has one of three lengths on the wire, and tells the relay nothing else", () => {
    const { network, anna } = two();

    const lengths = [1, 232, 233, 488, 489, 744].map((size) => {
      anna.topic.setPresence("x".repeat(size));
      return anna.line.member.presence?.length;
    });

    expect(lengths).toEqual([342, 342, 683, 683, 1024, 1024]);
    expect(() => anna.topic.setPresence("x".repeat(745))).toThrow(
      expect.objectContaining({ code: "payload-too-large" }),
    );
    expect(() => anna.topic.setPresence("")).toThrow(expect.objectContaining({ code: "data-invalid" }));
    network.run(100);
  });

  it("is refused where the relay swaps, changes, or takes back what members show", () => {
    const { network, anna, bert } = two();
    const carl = network.add(keys, undefined, "carl");
    network.run(100);
    anna.topic.setPresence("anna, early");
    const early = anna.line.member.presence ?? "";
    anna.topic.setPresence("anna");
    network.run(100);
    const { peerHandle } = anna.line.member;

    const lies = [carl.line.member.presence ?? "", early, `${early.slice(0, -2)}AA`, "", "?", "x".repeat(1024)];
    for (const presence of lies) bert.line.tell((events) => events.onPresence({ peerHandle, presence }));
    network.run(100);

    expect(textOf(bert.topic.peers.get(anna.sid)?.presence)).toBe("anna");
    expect(bert.faults).toEqual(lies.map(() => "unsealed"));
  });
});

describe("who has not the secret", () => {
  it("is not shown, hears nothing, and is asked for a proof a few times only", () => {
    const { network, anna, bert } = two();
    const stranger = network.add(otherKeys);

    void anna.topic.broadcast("secret");
    void stranger.topic.broadcast("let me in");
    network.run(60_000);

    expect(stranger.topic.peers.size).toBe(0);
    expect(stranger.heard).toEqual([]);
    expect([anna.topic.peers.size, bert.topic.peers.size]).toEqual([1, 1]);
    expect(bert.heard).toEqual([`${anna.sid} secret`]);
    const toStranger = network.seen.filter(
      ({ from, to }) => from === anna.line && to?.includes(stranger.line.member.peerHandle) === true,
    );
    expect(toStranger.length).toBeGreaterThan(0);
    expect(toStranger.length).toBeLessThanOrEqual(6);
  });

  it("is asked no more by who has left: nothing keeps a process for it", async () => {
    const network = new SealedNetwork();
    const timers = new Set<object>();
    const after = network.clock.after.bind(network.clock);
    vi.spyOn(network.clock, "after").mockImplementation((delayMs, task) => {
      const key = {};
      // What is shorter is a frame on its way.
      if (delayMs > 100) timers.add(key);
      const timer = after(delayMs, () => {
        timers.delete(key);
        task();
      });
      return {
        cancel: () => {
          timers.delete(key);
          timer.cancel();
        },
      };
    });
    const anna = network.add(keys);
    network.run(50);
    network.addStranger(`${"s".repeat(22)}.${"x".repeat(22)}`);
    network.run(50);
    expect(timers.size).toBeGreaterThan(0);

    await anna.topic.leave();

    expect(timers.size).toBe(0);
  });

  it("takes a session's name in its absence, and loses it as soon as that is back", () => {
    const { network, anna, bert } = two();
    bert.line.cut();
    network.run(20);
    const thief = network.addStranger(`${bert.sid}.${"x".repeat(22)}`);
    network.run(100);
    void anna.topic.broadcast("while bert is away");
    for (let count = 0; count < 5; count += 1) thief.sendToAll(new Uint8Array(40).fill(1));
    network.run(2000);
    void bert.topic.broadcast("back");
    network.run(3000);

    expect(anna.heard).toEqual([`${bert.sid} back`]);
    expect(bert.heard).toEqual([`${anna.sid} while bert is away`]);
  });

  it("plays what it has heard of a session again in its absence, and loses the place when that is back", () => {
    const { network, anna, bert } = two();
    void bert.topic.broadcast("early");
    network.run(3000);
    const early = network.seen.filter(({ from, to }) => from === bert.line && to === undefined);
    const { peerId } = bert.line.member;
    bert.line.cut();
    network.run(20);
    const thief = network.addStranger(peerId);
    network.run(20);
    for (const { bytes } of early) thief.sendToAll(bytes);
    network.run(2000);
    void bert.topic.broadcast("back");
    void bert.topic.send(anna.sid, "alone");
    void anna.topic.broadcast("welcome");
    network.run(5000);

    expect(early.length).toBeGreaterThan(0);
    expect(anna.heard).toEqual([`${bert.sid} early`, `${bert.sid} back`, `${bert.sid} alone`]);
    expect(bert.heard).toEqual([`${anna.sid} welcome`]);
  });

  it("plays it again also where both are there when somebody comes back", () => {
    const { network, anna, bert } = two();
    void bert.topic.broadcast("early");
    network.run(3000);
    const early = network.seen.filter(({ from, to }) => from === bert.line && to === undefined);
    const { peerId } = bert.line.member;
    bert.line.cut();
    network.run(20);
    const thief = network.addStranger(peerId);
    network.run(1000);
    anna.line.cut();
    network.run(210);
    for (const { bytes } of early) thief.sendToAll(bytes);
    network.run(5000);
    void bert.topic.broadcast("back");
    network.run(5000);

    expect(anna.heard).toEqual([`${bert.sid} early`, `${bert.sid} back`]);
  });

  it("floods: what it sends is looked at a hundred times, and told as often", () => {
    const { network, anna } = two();
    const stranger = network.addStranger(`${"s".repeat(22)}.${"x".repeat(22)}`);
    network.run(100);

    for (let count = 0; count < 10_000; count += 1) stranger.sendToAll(new Uint8Array(100).fill(count % 7));
    network.run(1000);

    expect(anna.faults).toHaveLength(100);
    expect(new Set(anna.faults)).toEqual(new Set(["unsealed"]));
    expect(anna.topic.peers.size).toBe(1);
  });
});

describe("a relay that lies", () => {
  it("changes, cuts short, or flags what passes: nothing of it is believed", () => {
    const { network, anna, bert } = two();
    for (const change of [
      (bytes: Uint8Array) => bytes.with(bytes.length - 1, (bytes.at(-1) ?? 0) ^ 1),
      (bytes: Uint8Array) => bytes.with(9, (bytes[9] ?? 0) ^ 0x80),
      (bytes: Uint8Array) => bytes.with(7, (bytes[7] ?? 0) + 1),
      (bytes: Uint8Array) => bytes.with(1, (bytes[1] ?? 0) ^ 64),
      (bytes: Uint8Array) => bytes.with(0, 2),
      (bytes: Uint8Array) => bytes.subarray(0, -1),
      (bytes: Uint8Array) => bytes.subarray(0, 8),
      (bytes: Uint8Array) => bytes.subarray(0, 3),
    ]) {
      network.tamper = ({ bytes }, receiver) => (receiver === bert.line ? [Uint8Array.from(change(bytes))] : [bytes]);
      void anna.topic.broadcast("changed");
      network.run(100);
      network.tamper = ({ bytes }) => [bytes];
    }
    network.run(20_000);

    expect(bert.faults.length).toBeGreaterThanOrEqual(8);
    expect(new Set(bert.faults)).toEqual(new Set(["unsealed"]));
    expect(bert.heard).toEqual(Array(8).fill(`${anna.sid} changed`));
  });

  it("sends everything three times: each is heard once", () => {
    const { network, anna, bert } = two();
    network.tamper = ({ bytes }) => [bytes, bytes, bytes];

    for (const text of ["1", "2", "3"]) void anna.topic.broadcast(text);
    void anna.topic.send(bert.sid, "4");
    network.run(5000);

    expect(bert.heard).toEqual(["1", "2", "3", "4"].map((text) => `${anna.sid} ${text}`));
    expect(new Set(bert.faults)).toEqual(new Set(["unsealed"]));
  });

  it("plays a whole session again to somebody new, who is not shown it", async () => {
    const { network, anna, bert } = two();
    void anna.topic.broadcast("of yesterday");
    network.run(1000);
    const { member } = anna.line;
    const recorded = network.seen.filter(({ from }) => from === anna.line);
    await anna.line.leave();
    await bert.line.leave();

    const newcomer = network.add(keys);
    network.addStranger(member.peerId);
    network.run(100);
    const handle = network.others(newcomer.line)[0]?.peerHandle ?? 0;
    for (const { bytes, to } of recorded) network.inject(newcomer.line, handle, bytes, to !== undefined);
    network.run(5000);

    expect(recorded.length).toBeGreaterThan(2);
    expect(newcomer.topic.peers.size).toBe(0);
    expect(newcomer.heard).toEqual([]);
  });

  it("plays an earlier connection's frames again, or gives one member's as another's: neither is heard", () => {
    const network = new SealedNetwork();
    const [anna, bert, carl] = [network.add(keys), network.add(keys), network.add(keys)];
    network.run(100);
    void anna.topic.broadcast("once");
    void anna.topic.send(bert.sid, "alone");
    network.run(100);
    const early = network.seen.filter(({ from }) => from === anna.line);
    anna.line.cut();
    network.run(5000);
    expect(bert.faults).toEqual([]);

    for (const { bytes, to } of early) {
      network.inject(bert.line, anna.line.member.peerHandle, bytes, to !== undefined);
      network.inject(bert.line, carl.line.member.peerHandle, bytes, to !== undefined);
    }
    network.run(5000);

    expect(bert.heard).toEqual([`${anna.sid} once`, `${anna.sid} alone`]);
    expect(bert.faults).toEqual(Array(2 * early.length).fill("unsealed"));
  });

  it("gives what goes to one to another, or says of what goes to all that it goes to one", () => {
    const network = new SealedNetwork();
    const [anna, bert, carl] = [network.add(keys), network.add(keys), network.add(keys)];
    network.run(100);
    void anna.topic.send(bert.sid, "for bert");
    network.run(2000);
    const { peerHandle } = anna.line.member;
    const alone = network.seen.filter(({ from, to }) => from === anna.line && to?.[0] === bert.line.member.peerHandle);

    for (const { bytes } of alone) network.inject(carl.line, peerHandle, bytes, true);
    network.run(2000);

    expect(carl.heard).toEqual([]);
    expect(carl.faults).toEqual(Array(alone.length).fill("unsealed"));
  });
});

function textOf(presence: Uint8Array | undefined): string {
  return presence === undefined ? "nothing" : new TextDecoder().decode(presence);
}
