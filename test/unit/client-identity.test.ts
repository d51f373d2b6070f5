import { beforeAll, describe, expect, it } from "vitest";
import type { AdmissionOptions } from "../../client/identity/admission.ts";
import { type KeyPair, newKeyPair } from "../../client/identity/key-pair.ts";
import { identityOf } from "../../client/identity/member-identity.ts";
import type { TopicKeys } from "../../client/sealing/derivation.ts";
import { verificationCount } from "../support/quiet-cryptography.ts";
import { keysOf, type SealedMemberSim, SealedNetwork } from "../support/sealed-network.ts";

let keys: TopicKeys;
let annasKeys: KeyPair;
let bertsKeys: KeyPair;

beforeAll(async () => {
  keys = await keysOf(1);
  [annasKeys, bertsKeys] = await Promise.all([newKeyPair(), newKeyPair()]);
});

type Pair = { network: SealedNetwork; anna: SealedMemberSim; bert: SealedMemberSim };

/** Two members with identities who know each other. */
async function two(options: AdmissionOptions = {}): Promise<Pair> {
  const network = new SealedNetwork();
  const anna = await network.addIdentified(keys, identityOf(annasKeys, options));
  const bert = await network.addIdentified(keys, identityOf(bertsKeys));
  await network.settle(100);
  return { network, anna, bert };
}

function keysSeenBy({ topic }: SealedMemberSim): (string | undefined)[] {
  return [...topic.peers.values()].map(({ publicKey }) => publicKey);
}

function textOf(bytes: Uint8Array | undefined): string {
  return new TextDecoder().decode(bytes);
}

describe("members with identities", () => {
  it("see each other's key from the beginning, and hear each other", async () => {
    const network = new SealedNetwork();
    const anna = await network.addIdentified(keys, identityOf(annasKeys));
    const joined: unknown[] = [];
    anna.topic.on("join", ({ publicKey }) => joined.push(publicKey));
    const bert = await network.addIdentified(keys, identityOf(bertsKeys));
    await network.settle(100);

    void anna.topic.broadcast("to all");
    void bert.topic.send(anna.sid, "to one");
    await network.settle(3000);

    expect(joined).toEqual([bertsKeys.publicKey]);
    expect([keysSeenBy(anna), keysSeenBy(bert)]).toEqual([[bertsKeys.publicKey], [annasKeys.publicKey]]);
    expect(anna.topic.self.publicKey).toBe(annasKeys.publicKey);
    expect([bert.heard, anna.heard]).toEqual([[`${anna.sid} to all`], [`${bert.sid} to one`]]);
    expect([...anna.faults, ...bert.faults]).toEqual([]);
  });

  it("go on after a cut of either, without a leave, and prove themselves anew without a signature", async () => {
    const { network, anna, bert } = await two();
    const gone: string[] = [];
    for (const { topic } of [anna, bert]) topic.on("leave", ({ id }) => gone.push(id));
    const before = verificationCount();

    for (const member of [anna, bert, anna]) {
      member.line.cut();
      void anna.topic.broadcast("a");
      void bert.topic.send(anna.sid, "b");
      await network.settle(5000);
    }

    expect(verificationCount()).toBe(before);
    expect(bert.heard).toEqual(Array(3).fill(`${anna.sid} a`));
    expect(anna.heard).toEqual(Array(3).fill(`${bert.sid} b`));
    expect([gone, anna.faults, bert.faults]).toEqual([[], [], []]);
  });

  it.each([1, 2, 3])("see each other also where %s of the first proofs are lost", async (lostCount) => {
    const network = new SealedNetwork();
    let leftCount = lostCount;
    network.tamper = ({ bytes }) => (bytes[0] === 6 && (leftCount -= 1) >= 0 ? [] : [bytes]);
    const anna = await network.addIdentified(keys, identityOf(annasKeys));
    const bert = await network.addIdentified(keys, identityOf(bertsKeys));
    await network.settle(4000);

    expect([keysSeenBy(anna), keysSeenBy(bert)]).toEqual([[bertsKeys.publicKey], [annasKeys.publicKey]]);
    expect([...anna.faults, ...bert.faults]).toEqual([]);
  });

  it("are ten who all see each other, each once", async () => {
    const network = new SealedNetwork();
    const members = [];
    for (let count = 0; count < 10; count += 1) {
      members.push(await network.addIdentified(keys, identityOf(await newKeyPair())));
    }
    await network.settle(500);

    expect(members.map((member) => new Set(keysSeenBy(member)).size)).toEqual(Array(10).fill(9));
    expect(members.flatMap(({ faults }) => faults)).toEqual([]);
  });

  it("show what they are, signed, also to those without an identity", async () => {
    const network = new SealedNetwork();
    const anna = await network.addIdentified(keys, identityOf(annasKeys), "anna");
    const bert = await network.addIdentified(keys, identityOf(bertsKeys), "bert");
    const carl = network.add(keys, undefined, "carl");
    await network.settle(100);
    anna.topic.setPresence("anna, away");
    anna.topic.setPresence("x".repeat(680));
    await network.settle(100);

    expect(textOf(anna.topic.peers.get(bert.sid)?.presence)).toBe("bert");
    expect(textOf(anna.topic.peers.get(carl.sid)?.presence)).toBe("carl");
    for (const { topic } of [bert, carl]) {
      expect(textOf(topic.peers.get(anna.sid)?.presence)).toBe("x".repeat(680));
    }
    expect(bert.topic.peers.get(anna.sid)?.publicKey).toBe(annasKeys.publicKey);
    expect(() => anna.topic.setPresence("x".repeat(681))).toThrow(
      expect.objectContaining({ code: "payload-too-large" }),
    );
    expect([anna, bert, carl].flatMap(({ faults }) => faults)).toEqual([]);
  });

  it("say nothing of their keys to those without an identity, and hear them as before", async () => {
    const network = new SealedNetwork();
    const anna = await network.addIdentified(keys, identityOf(annasKeys));
    const carl = network.add(keys);
    await network.settle(100);

    void carl.topic.broadcast("hello");
    void anna.topic.send(carl.sid, "alone");
    await network.settle(3000);

    expect([keysSeenBy(anna), keysSeenBy(carl)]).toEqual([[undefined], [undefined]]);
    expect([anna.heard, carl.heard]).toEqual([[`${carl.sid} hello`], [`${anna.sid} alone`]]);
    const proofs = network.seen.filter(({ from, bytes }) => from === anna.line && bytes[0] === 6);
    expect(proofs.map(({ bytes }) => bytes.length)).toEqual(proofs.map(() => 24));
    expect([...anna.faults, ...carl.faults]).toEqual([]);
  });
});

describe("who is shown", () => {
  it.each<[string, () => AdmissionOptions, boolean]>([
    ["allowed", () => ({ allow: [bertsKeys.publicKey] }), true],
    ["not among the allowed", () => ({ allow: [annasKeys.publicKey] }), false],
    ["denied", () => ({ deny: [bertsKeys.publicKey] }), false],
    ["allowed and denied", () => ({ allow: [bertsKeys.publicKey], deny: new Set([bertsKeys.publicKey]) }), false],
    ["allowed by a function", () => ({ allow: async (key) => key === bertsKeys.publicKey }), true],
    ["denied by a function", () => ({ deny: (key) => key === bertsKeys.publicKey }), false],
    ["the case of a function that fails", () => ({ allow: () => Promise.reject(new Error("no list")) }), false],
  ])("is who is %s", async (_name, options, isShown) => {
    const { network, anna, bert } = await two(options());

    void bert.topic.broadcast("to all");
    if (isShown) void bert.topic.send(anna.sid, "to one");
    await network.settle(6000);

    expect(keysSeenBy(anna)).toEqual(isShown ? [bertsKeys.publicKey] : []);
    expect(anna.heard).toHaveLength(isShown ? 2 : 0);
    // Nobody is told of what a refused member does, as often as it may do it.
    expect(anna.faults).toEqual([]);
  });

  it("is nobody without an identity where one is required, and nothing is opened of those", async () => {
    const network = new SealedNetwork();
    const anna = await network.addIdentified(keys, identityOf(annasKeys, { requireIdentity: true }));
    const carl = network.add(keys, undefined, "carl");
    await network.settle(100);
    void carl.topic.broadcast("hello");
    await network.settle(6000);

    expect(anna.topic.peers.size).toBe(0);
    expect([anna.heard, anna.faults]).toEqual([[], []]);
  });

  it("is refused before anything is joined where a list has what is no key", () => {
    for (const wrong of ["", "anna", `${annasKeys.publicKey}A`, annasKeys.publicKey.replace(/.$/, "B")]) {
      expect(() => identityOf(annasKeys, { deny: [wrong] })).toThrow(expect.objectContaining({ code: "key-invalid" }));
    }
  });
});

it("goes on with the others while an app decides on one", async () => {
  const network = new SealedNetwork();
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const identity = identityOf(annasKeys, { allow: (key) => (key === bertsKeys.publicKey ? promise : true) });
  const anna = await network.addIdentified(keys, identity);
  const carl = await network.addIdentified(keys, identityOf(await newKeyPair()));
  await network.settle(100);
  const bert = await network.addIdentified(keys, identityOf(bertsKeys));
  await network.settle(100);

  void carl.topic.broadcast("meanwhile");
  void carl.topic.send(anna.sid, "alone");
  for (let count = 0; count < 200; count += 1) bert.line.sendToAll(new Uint8Array(60_000).fill(1));
  await network.settle(3000);
  expect(anna.heard).toEqual([`${carl.sid} meanwhile`, `${carl.sid} alone`]);
  expect([...anna.topic.peers.keys()]).toEqual([carl.sid]);
  resolve(true);
  await network.settle(3000);

  expect(anna.topic.peers.get(bert.sid)?.publicKey).toBe(bertsKeys.publicKey);
});
