import { beforeAll, describe, expect, it } from "vitest";
import { Acquaintances } from "../../client/identity/acquaintances.ts";
import { Admission } from "../../client/identity/admission.ts";
import { newAgreementKey } from "../../client/identity/curves.ts";
import { introduce, sidOf } from "../../client/identity/introduction.ts";
import { newKeyPair, publicKeyBytes } from "../../client/identity/key-pair.ts";
import { SecretsOfStreams } from "../../client/identity/stream-secrets.ts";
import { NodeCryptography } from "../../client/node/node-cryptography.ts";
import type { TopicKeys } from "../../client/sealing/derivation.ts";
import { keysOf } from "../support/sealed-network.ts";

let topic: TopicKeys;

beforeAll(async () => {
  topic = await keysOf(1);
});

/** The secrets of the streams of two members who know each other. */
async function two() {
  const cryptography = new NodeCryptography();
  const [one, other] = await Promise.all([acquaintances(cryptography), acquaintances(cryptography)]);
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    const known = await from.judge(to.own.sid, to.own.introduction);
    if (known === undefined || known === "refused") throw new Error("not known");
    from.keep(to.own.sid, known);
  }
  const [ones, others] = [new SecretsOfStreams(one), new SecretsOfStreams(other)];
  /** Both agree on stream 1 of the one and 2 of the other. @returns the key of what the first sends, at both ends */
  const agree = async (): Promise<readonly [string, string]> => {
    const [half, othersHalf] = [await ones.offer(), await others.offer()];
    const ends = { sid: other.own.sid, own: 1, peers: 2, isOpener: true };
    const otherEnds = { sid: one.own.sid, own: 2, peers: 1, isOpener: false };
    expect(await ones.agree(ends, half, othersHalf.publicKey)).toBe(true);
    expect(await others.agree(otherEnds, othersHalf, half.publicKey)).toBe(true);
    return [
      exported(await ones.sendingKey(other.own.sid, 1, "connection")),
      exported(await others.receivingKey(one.own.sid, 1, "connection")),
    ];
  };
  return { one, other, ones, others, agree };
}

async function acquaintances(cryptography: NodeCryptography): Promise<Acquaintances> {
  const [keys, sessionKey] = await Promise.all([newKeyPair(), newAgreementKey()]);
  const bound = {
    topicId: topic.topicId,
    publicKey: publicKeyBytes(keys.publicKey),
    sessionKey: sessionKey.publicKey,
  };
  const sid = await sidOf(cryptography, bound);
  const introduction = await introduce(keys.privateKey, sid, bound);
  return new Acquaintances(
    cryptography,
    topic.group,
    { topicId: topic.topicId, sid, sessionKey, introduction },
    new Admission(),
  );
}

function exported(key: unknown): string {
  return Buffer.from((key as { export(): Uint8Array }).export()).toString("hex");
}

describe("the secrets of streams", () => {
  it("are the same at both ends, and others for the next stream with the same numbers", async () => {
    const { agree } = await two();

    const [first, second] = [await agree(), await agree()];

    expect(first[0]).toBe(first[1]);
    expect(second[0]).toBe(second[1]);
    expect(second[0]).not.toBe(first[0]);
  });

  it("are gone with the stream, and its halves with the agreement: nothing that is left gives them again", async () => {
    const { other, ones, agree } = await two();
    await agree();
    const ends = { sid: other.own.sid, own: 1, peers: 2, isOpener: true };
    const half = await ones.offer();
    const peersKey = (await newAgreementKey()).publicKey;
    expect(await ones.agree(ends, half, peersKey)).toBe(true);

    ones.forget(ends);

    expect(ones.sendingKey(other.own.sid, 1, "connection")).toBeUndefined();
    expect(ones.receivingKey(other.own.sid, 2, "connection")).toBeUndefined();
    expect(await ones.agree(ends, half, peersKey)).toBe(false);
  });

  it("give another key on each connection, and in each direction", async () => {
    const { other, ones, agree } = await two();
    await agree();

    const { sid } = other.own;
    const keys = [
      await ones.sendingKey(sid, 1, "connection"),
      await ones.sendingKey(sid, 1, "next connection"),
      await ones.receivingKey(sid, 2, "connection of the other"),
    ].map(exported);

    expect(new Set(keys).size).toBe(3);
  });

  it("are not made with a half that is none, or that makes every secret the same", async () => {
    const { other, ones } = await two();
    const ends = { sid: other.own.sid, own: 1, peers: 2, isOpener: true };
    const smallOrder = Buffer.from("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800", "hex");

    for (const wrong of [new Uint8Array(32), Uint8Array.of(1, ...new Uint8Array(31)), smallOrder, new Uint8Array(31)]) {
      expect(await ones.agree(ends, await ones.offer(), wrong)).toBe(false);
    }
  });

  it("are only with those who have proved who they are", async () => {
    const { one, other, ones } = await two();

    expect([ones.covers(other.own.sid), ones.covers(one.own.sid)]).toEqual([true, false]);
    one.forget(other.own.sid);
    expect(ones.covers(other.own.sid)).toBe(false);
  });
});
