import { keyPair } from "hypercore-crypto";
import { describe, expect, it } from "vitest";
import { decodeAnnouncements, encodeAnnouncements, signWithSecretKey } from "../../client/hyperswarm/announcements.ts";

const PLACE = { topicName: "topic", peerId: "peer" };

describe("what a member shows", () => {
  it("names its keys, up to seven, in 744 bytes", async () => {
    const keyPairs = Array.from({ length: 9 }, () => keyPair());

    const bytes = await encodeAnnouncements(keyPairs, PLACE, signWithSecretKey);

    expect(bytes.length).toBeLessThanOrEqual(744);
    const shown = decodeAnnouncements(bytes, PLACE).map((key) => Buffer.from(key).toString("hex"));
    expect(shown).toEqual(keyPairs.slice(0, 7).map(({ publicKey }) => publicKey.toString("hex")));
  });

  it.each([
    ["in another topic", { ...PLACE, topicName: "other" }],
    ["by another member", { ...PLACE, peerId: "other" }],
    ["where the two are cut differently", { topicName: "topic\0pee", peerId: "r" }],
  ])("is of no use %s", async (_name, place) => {
    const bytes = await encodeAnnouncements([keyPair()], PLACE, signWithSecretKey);

    expect(decodeAnnouncements(bytes, place)).toEqual([]);
  });

  it("is of no use with any bit of it changed, but for the flags", async () => {
    const bytes = await encodeAnnouncements([keyPair()], PLACE, signWithSecretKey);

    for (let index = 0; index < bytes.length; index += 1) {
      const changed = bytes.with(index, (bytes[index] ?? 0) ^ 4);
      expect(decodeAnnouncements(changed, PLACE).length).toBe(index === 1 ? 1 : 0);
    }
  });

  it.each([
    [undefined],
    [[]],
    [[1]],
    [[1, 0]],
    [[2, 0]],
    [[1, 0, ...Array(95).fill(0)]],
    [[1, 0, ...Array(96).fill(0)]],
  ])("is nothing where it is none (%#)", (bytes) => {
    expect(decodeAnnouncements(bytes && Uint8Array.from(bytes), PLACE)).toEqual([]);
  });

  it("reads no more keys than may be shown, however many are there", async () => {
    const one = await encodeAnnouncements([keyPair()], PLACE, signWithSecretKey);
    const many = Uint8Array.from([1, 0, ...Array.from({ length: 100 }, () => [...one.subarray(2)]).flat()]);

    expect(decodeAnnouncements(many, PLACE).length).toBe(7);
  });
});
