import { beforeAll, describe, expect, it } from "vitest";
import { encodeChunk, encodeMessage, writeSeq } from "../../client/delivery/frame.ts";
import { sidOf } from "../../client/identity/introduction.ts";
import { importKeyPair, type KeyPair, newKeyPair, publicKeyBytes } from "../../client/identity/key-pair.ts";
import { identityOf } from "../../client/identity/member-identity.ts";
import { NodeCryptography } from "../../client/node/node-cryptography.ts";
import type { TopicKeys } from "../../client/sealing/derivation.ts";
import { PresenceSeal } from "../../client/sealing/presence-seal.ts";
import { Insider } from "../support/insider.ts";
import { verificationCount } from "../support/quiet-cryptography.ts";
import { keysOf, type SealedMemberSim, SealedNetwork } from "../support/sealed-network.ts";

let keys: TopicKeys;
let annasKeys: KeyPair;
let bertsKeys: KeyPair;
let evesKeys: KeyPair;

beforeAll(async () => {
  keys = await keysOf(1);
  [annasKeys, bertsKeys, evesKeys] = await Promise.all([newKeyPair(), newKeyPair(), newKeyPair()]);
});

type Scene = { network: SealedNetwork; anna: SealedMemberSim; bert: SealedMemberSim; told: string[] };

/** Two members with identities who know each other, and what Anna is told of others. */
async function scene(): Promise<Scene> {
  const network = new SealedNetwork();
  const anna = await network.addIdentified(keys, identityOf(annasKeys));
  const bert = await network.addIdentified(keys, identityOf(bertsKeys));
  const told: string[] = [];
  for (const event of ["join", "leave", "update"] as const) {
    anna.topic.on(event, ({ id, publicKey }) => told.push(`${event} ${nameOf(id)} ${nameOf(publicKey)}`));
  }
  const nameOf = (id: string | undefined): string =>
    ({ [bert.sid]: "bert", [bertsKeys.publicKey]: "bert's", [evesKeys.publicKey]: "eve's" })[id ?? ""] ?? "nobody";
  await network.settle(200);
  expect(told.splice(0)).toEqual(["join bert bert's"]);
  return { network, anna, bert, told };
}

const CONNECTION = "e".repeat(22);

describe("another member with the secret", () => {
  it("does not take the session of one who is away, whatever it proves", async () => {
    const { network, anna, bert, told } = await scene();
    const spy = new Insider(network, keys, `${"s".repeat(22)}.${CONNECTION}`);
    const eve = await network.addIdentified(keys, identityOf(evesKeys));
    await network.settle(100);
    const [bertsProof = new Uint8Array()] = spy.proofs(bert.line, anna.line).slice(-1);
    const [evesProof = new Uint8Array()] = spy.proofs(eve.line, anna.line).slice(-1);
    expect([bertsProof.length, evesProof.length]).toEqual([160, 160]);
    told.length = 0;
    bert.line.cut();
    await network.settle(20);
    const thief = new Insider(network, keys, `${bert.sid}.${CONNECTION}`);
    await network.settle(20);

    for (const body of [
      new Uint8Array(),
      bertsProof.subarray(0, 128),
      bertsProof,
      evesProof,
      Buffer.concat([evesProof.subarray(0, 32), bertsProof.subarray(32)]),
      Buffer.concat([bertsProof.subarray(0, 32), evesProof.subarray(32, 64), bertsProof.subarray(64)]),
      Buffer.concat([bertsProof.subarray(0, 128), evesProof.subarray(128)]),
    ]) {
      thief.prove(anna.line, body, { wantsReply: true });
    }
    thief.line.sendToAll(thief.seal(thief.line, encodeMessage(1, Buffer.from("I am bert"))));
    await network.settle(2000);
    void anna.topic.broadcast("for bert");
    void bert.topic.broadcast("back");
    await network.settle(5000);

    expect(told).toEqual([]);
    expect(anna.heard).toEqual([`${bert.sid} back`]);
    expect(bert.heard).toEqual([`${anna.sid} for bert`]);
  });

  it("does not keep a session from its owner by being there first", async () => {
    const { network, bert } = await scene();
    const early = new Insider(network, keys, `${bert.sid}.${CONNECTION}`);
    const carl = await network.addIdentified(keys, identityOf(evesKeys));
    await network.settle(10);
    for (const body of [new Uint8Array(), new Uint8Array(128), new Uint8Array(160)]) early.prove(carl.line, body);

    await network.settle(2000);

    expect(carl.topic.peers.get(bert.sid)?.publicKey).toBe(bertsKeys.publicKey);
  });

  it.each(["public key", "session key", "signature", "confirmation"])(
    "is not shown with a proof whose %s was changed, or that is longer or shorter",
    async (part) => {
      const at = { "public key": 5, "session key": 40, signature: 100, confirmation: 140 }[part] ?? 0;
      const { network, anna, bert } = await scene();
      const spy = new Insider(network, keys, `${"s".repeat(22)}.${CONNECTION}`);
      const change = (body: Uint8Array): Uint8Array[] => [
        body.with(at, (body[at] ?? 0) ^ 1),
        body.subarray(0, at),
        new Uint8Array([...body, 0]),
      ];
      const carl = await network.addIdentified(keys, identityOf(evesKeys));
      // The relay and a member together: what goes from Bert to Carl arrives changed.
      network.tamper = ({ from, bytes }, receiver) => {
        if (from !== bert.line || receiver !== carl.line || bytes[0] !== 6) return [bytes];
        const body = spy.open(from, bytes, receiver)?.slice(8) ?? new Uint8Array();
        // What is to be changed is not in each of them.
        return (body.length > at ? change(body) : [body]).map((changed) =>
          spy.seal(from, Buffer.concat([Uint8Array.of(6, 32, 0, 0, 0, 0, 0, 0), changed]), receiver),
        );
      };
      await network.settle(6000);

      expect([...carl.topic.peers.keys()].includes(bert.sid)).toBe(false);
      expect(carl.topic.peers.has(anna.sid)).toBe(true);
      expect(carl.faults.length).toBeGreaterThan(0);
    },
  );

  it("is not shown with the proof of another topic", async () => {
    const other = await keysOf(1, "other");
    const elsewhere = new SealedNetwork();
    const bertThere = await elsewhere.addIdentified(other, identityOf(bertsKeys));
    const eveThere = await elsewhere.addIdentified(other, identityOf(evesKeys));
    await elsewhere.settle(100);
    const [proof = new Uint8Array()] = new Insider(elsewhere, other, `${"s".repeat(22)}.${CONNECTION}`).proofs(
      bertThere.line,
      eveThere.line,
    );
    const { network, anna } = await scene();
    const thief = new Insider(network, keys, `${bertThere.sid}.${CONNECTION}`);
    await network.settle(10);

    thief.prove(anna.line, proof);
    await network.settle(100);

    expect(anna.topic.peers.has(bertThere.sid)).toBe(false);
    expect(anna.faults).toEqual(["unsealed"]);
  });

  it("floods with proofs: four of them are checked, and few are answered", async () => {
    const { network, anna } = await scene();
    const publicKey = publicKeyBytes(evesKeys.publicKey);
    const sessionKey = new Uint8Array(32).fill(5);
    const sid = await sidOf(new NodeCryptography(), { topicId: keys.topicId, publicKey, sessionKey });
    const flood = new Insider(network, keys, `${sid}.${CONNECTION}`);
    const before = verificationCount();
    await network.settle(10);
    network.seen.length = 0;

    for (let count = 0; count < 2000; count += 1) {
      const signature = new Uint8Array(count % 2 === 0 ? 64 : 96).fill(count % 251);
      flood.prove(anna.line, Buffer.concat([publicKey, sessionKey, signature]), { wantsReply: true });
    }
    await network.settle(3000);

    expect(verificationCount() - before).toBe(4);
    const { peerHandle } = flood.line.member;
    const answers = network.seen.filter(({ from, to }) => from === anna.line && to?.includes(peerHandle) === true);
    expect(answers.length).toBeLessThanOrEqual(6);
    expect(anna.faults.length).toBeLessThanOrEqual(100);
    expect(anna.topic.peers.size).toBe(1);
  });
});

describe("a member with the secret, together with the relay", () => {
  it("cannot read what two others send to each other", async () => {
    const { network, anna, bert } = await scene();
    const spy = new Insider(network, keys, `${"s".repeat(22)}.${CONNECTION}`);
    network.seen.length = 0;

    void anna.topic.send(bert.sid, "for bert alone");
    void anna.topic.broadcast("for all");
    await network.settle(3000);

    const opened = network.seen
      .filter(({ from }) => from === anna.line)
      .map(({ bytes, to }) => textOf(spy.open(anna.line, bytes, to === undefined ? undefined : bert.line)));
    expect(bert.heard).toHaveLength(2);
    expect(opened.some((text) => text.includes("for all"))).toBe(true);
    expect(opened.some((text) => text.includes("for bert"))).toBe(false);
  });

  it("cannot send to one as another, nor take the mark of the pair from a frame", async () => {
    const { network, anna, bert } = await scene();
    const spy = new Insider(network, keys, `${"s".repeat(22)}.${CONNECTION}`);
    const chunk = encodeChunk(0, Buffer.from("I am bert"));
    writeSeq(chunk, 1);
    const forged = spy.seal(bert.line, chunk, anna.line);
    const { peerHandle } = bert.line.member;

    network.inject(anna.line, peerHandle, forged, true);
    for (const flag of [8, 128]) network.inject(anna.line, peerHandle, forged.with(1, flag), true);
    await network.settle(100);
    network.tamper = ({ bytes }) => [bytes[1] === 128 ? bytes.with(1, 0) : bytes];
    void bert.topic.send(anna.sid, "truly");
    await network.settle(100);
    expect(anna.heard).toEqual([]);
    network.tamper = ({ bytes }) => [bytes];
    await network.settle(10_000);

    expect(anna.heard).toEqual([`${bert.sid} truly`]);
  });

  it("can forge what goes to all: docs/identity.md says so", async () => {
    const { network, anna, bert } = await scene();
    const spy = new Insider(network, keys, `${"s".repeat(22)}.${CONNECTION}`);

    const forged = spy.seal(bert.line, encodeMessage(1, Buffer.from("I am bert")));
    network.inject(anna.line, bert.line.member.peerHandle, forged, false);
    await network.settle(3000);

    expect(anna.heard).toEqual([`${bert.sid} I am bert`]);
  });

  it("cannot show anything as another, nor show again what that has taken back", async () => {
    const { network, anna, bert } = await scene();
    bert.topic.setPresence("early");
    await network.settle(50);
    const seal = new PresenceSeal<unknown>(new NodeCryptography(), keys.presence, bert.line.member.peerId);
    const early = seal.open(bert.line.member.presence ?? "");
    bert.topic.setPresence("bert");
    await network.settle(50);
    const { peerHandle } = bert.line.member;
    const forge = (presence: Uint8Array): string =>
      Array.from({ length: 10 }, () => atOnce(seal.seal(presence))).at(-1) ?? "";

    const forgeries = ["I am bert", textOf(atOnce(early))].map((text) => forge(Buffer.from(text)));
    for (const presence of forgeries) {
      anna.line.tell((events) => events.onPresence({ peerHandle, presence }));
      await network.settle(50);
    }

    expect(textOf(anna.topic.peers.get(bert.sid)?.presence)).toBe("bert");
    expect(anna.faults).toEqual(["unsealed", "unsealed"]);
  });

  it("floods with presences of one who has not introduced itself: one of them waits", async () => {
    const { network, anna } = await scene();
    const name = `${"e".repeat(21)}B.${CONNECTION}`;
    const stranger = new Insider(network, keys, name);
    const seal = new PresenceSeal<unknown>(new NodeCryptography(), keys.presence, name);
    const before = verificationCount();
    await network.settle(10);

    for (let count = 0; count < 1000; count += 1) {
      const presence = atOnce(seal.seal(Buffer.from(`${count}`)));
      const { peerHandle } = stranger.line.member;
      anna.line.tell((events) => events.onPresence({ peerHandle, presence }));
    }
    await network.settle(100);

    expect(verificationCount()).toBe(before);
    expect(anna.faults).toEqual([]);
    expect(anna.topic.peers.size).toBe(1);
  });
});

it("gives the same key another session in each join: what was proved in one proves nothing in the next", async () => {
  const seed = new Uint8Array(32).fill(7);
  const network = new SealedNetwork();
  const sessions = [];
  for (let count = 0; count < 3; count += 1) {
    sessions.push(await network.addIdentified(keys, identityOf(await importKeyPair(seed))));
  }
  await network.settle(200);

  expect(new Set(sessions.map(({ sid }) => sid)).size).toBe(3);
  expect(sessions[0]?.topic.peers.size).toBe(2);
  expect(new Set([...(sessions[0]?.topic.peers.values() ?? [])].map(({ publicKey }) => publicKey)).size).toBe(1);
});

/** What node:crypto has computed. */
function atOnce<T>(value: T | Promise<T>): T {
  if (value instanceof Promise) throw new Error("it computes at once");
  return value;
}

function textOf(bytes: Uint8Array | undefined): string {
  return new TextDecoder().decode(bytes);
}
