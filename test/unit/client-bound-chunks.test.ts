import { describe, expect, it } from "vitest";
import { encodeChunk, readHead, writeSeq } from "../../client/delivery/frame.ts";
import { NodeCryptography } from "../../client/node/node-cryptography.ts";
import type { Cryptography } from "../../client/sealing/cryptography.ts";
import { deriveTopic } from "../../client/sealing/derivation.ts";
import { ConnectionKeys } from "../../client/sealing/frame-seal.ts";
import { WebCryptography } from "../../client/sealing/web-cryptography.ts";
import type { PeerStream } from "../../client/streams/peer-stream.ts";
import { streamsOf } from "../../client/streams.ts";
import { keysOf, SealedNetwork } from "../support/sealed-network.ts";
import { manyTurns } from "../support/stream-properties.ts";

const CHUNK = 4;
const FLAG_BOUND = 16;
/** Header, stream, kind; and the tag. */
const [BEFORE_BYTES, TAG_BYTES] = [13, 16];
const WORDS = "as the app has sealed it";

/** One direction of a stream between two members of a sealed topic, and what has come through it. */
async function oneWay(how: { readonly isSelfSealed: boolean }) {
  const network = new SealedNetwork();
  const keys = await keysOf(1);
  const [anna, bert] = [network.add(keys), network.add(keys)];
  const settle = async (durationMs: number): Promise<void> => {
    for (let passedMs = 0; passedMs < durationMs; passedMs += 10) {
      network.run(10);
      await manyTurns();
    }
  };
  await settle(100);
  const read: string[] = [];
  const readAll = async ({ readable }: PeerStream): Promise<void> => {
    for await (const bytes of readable) read.push(new TextDecoder().decode(bytes));
  };
  streamsOf(bert.topic).onStream((stream) => {
    if (how.isSelfSealed) stream.selfSealed();
    return readAll(stream);
  });
  const opening = streamsOf(anna.topic).open(bert.sid, "label");
  await settle(100);
  const stream = await opening;
  if (how.isSelfSealed) stream.selfSealed();
  await settle(100);
  const writer = stream.writable.getWriter();
  const write = (text: string): void => void writer.write(new TextEncoder().encode(text));
  const seen = (): string[] => network.seen.map(({ bytes }) => Buffer.from(bytes).toString("latin1"));
  return { network, bert, read, write, seen, settle };
}

/** A chunk with data. */
function isData(bytes: Uint8Array): boolean {
  return bytes[0] === CHUNK && bytes.byteLength >= BEFORE_BYTES + TAG_BYTES;
}

function flipped(bytes: Uint8Array, at: number, bit = 1): Uint8Array {
  return bytes.with(at, (bytes[at] ?? 0) ^ bit);
}

describe("what two apps have sealed themselves", () => {
  it("passes the relay as they have written it, and the label before it does not", async () => {
    const { read, seen, settle, write } = await oneWay({ isSelfSealed: true });
    write(WORDS);
    await settle(100);

    expect(read).toEqual([WORDS]);
    expect(seen().filter((bytes) => bytes.includes(WORDS))).toHaveLength(1);
    expect(seen().some((bytes) => bytes.includes("label"))).toBe(false);
  });

  it("passes sealed where they have not said so", async () => {
    const { read, seen, settle, write } = await oneWay({ isSelfSealed: false });
    write(WORDS);
    await settle(100);

    expect(read).toEqual([WORDS]);
    expect(seen().some((bytes) => bytes.includes(WORDS))).toBe(false);
  });
});

describe("a relay that carries what it can read", () => {
  it.each([
    ["the type", (bytes: Uint8Array) => flipped(bytes, 0)],
    ["the flag", (bytes: Uint8Array) => flipped(bytes, 1, FLAG_BOUND)],
    ["the number", (bytes: Uint8Array) => flipped(bytes, 7)],
    ["the stream", (bytes: Uint8Array) => flipped(bytes, 11)],
    ["the kind", (bytes: Uint8Array) => flipped(bytes, BEFORE_BYTES - 1, 3)],
    ["the first byte", (bytes: Uint8Array) => flipped(bytes, BEFORE_BYTES)],
    ["the last byte", (bytes: Uint8Array) => flipped(bytes, bytes.length - TAG_BYTES - 1, 0x80)],
    ["the tag", (bytes: Uint8Array) => flipped(bytes, bytes.length - 1)],
    ["the length, to less", (bytes: Uint8Array) => Buffer.concat([bytes.subarray(0, -17), bytes.subarray(-16)])],
    ["the length, to more", (bytes: Uint8Array) => Buffer.concat([bytes.subarray(0, -16), bytes.subarray(-17)])],
  ])("changes %s: the app gets what was written all the same, each once", async (_name, change) => {
    const { bert, network, read, settle, write } = await oneWay({ isSelfSealed: true });
    let changedCount = 0;
    network.tamper = ({ bytes }, receiver) => {
      if (receiver !== bert.line || !isData(bytes) || changedCount === 2) return [bytes];
      changedCount += 1;
      return [Uint8Array.from(change(bytes))];
    };
    for (const text of ["one", "two", "three"]) write(text);
    await settle(10_000);

    expect(changedCount).toBe(2);
    expect(read.join("")).toBe("onetwothree");
    expect(bert.faults).toEqual(["unsealed", "unsealed"]);
  });

  it("puts the bytes of one chunk into another, and repeats them: each comes once, in its place", async () => {
    const { bert, network, read, settle, write } = await oneWay({ isSelfSealed: true });
    let held: Uint8Array | undefined;
    network.tamper = ({ bytes }, receiver) => {
      if (receiver !== bert.line || !isData(bytes)) return [bytes];
      const [first, second] = [held, bytes];
      held = bytes;
      if (first === undefined || first.length !== second.length) return [bytes];
      const [head, tail] = [second.subarray(0, BEFORE_BYTES), second.subarray(-TAG_BYTES)];
      return [Buffer.concat([head, first.subarray(BEFORE_BYTES, -TAG_BYTES), tail]), first, second, second];
    };
    for (const text of ["one", "two", "six"]) write(text);
    await settle(10_000);

    expect(read.join("")).toBe("onetwosix");
    expect(new Set(bert.faults)).toEqual(new Set(["unsealed"]));
  });

  it("cannot say of what was sealed that it is not", async () => {
    const { bert, network, read, settle, write } = await oneWay({ isSelfSealed: false });
    network.tamper = ({ bytes }, receiver) =>
      receiver === bert.line && isData(bytes) ? [flipped(bytes, 1, FLAG_BOUND)] : [bytes];
    write(WORDS);
    await settle(3000);
    expect(read).toEqual([]);
    expect(new Set(bert.faults)).toEqual(new Set(["unsealed"]));

    network.tamper = ({ bytes }) => [bytes];
    await settle(13_000);

    expect(read).toEqual([WORDS]);
  });
});

it.each([
  ["node:crypto", new NodeCryptography()],
  ["WebCrypto", new WebCryptography()],
] as [string, Cryptography][])(
  "by %s a bound chunk is never one that is sealed, whatever bit is changed",
  async (_name, by) => {
    const { group } = await deriveTopic(by, { secret: new Uint8Array(32) });
    const receiver = { sid: "receiver", nameBytes: new TextEncoder().encode("receiver.one") };
    const keys = new ConnectionKeys(by, group, "sender.one");
    for (const isBound of [true, false]) {
      const frame = encodeChunk(7, new Uint8Array(20).fill(7), 0, { isBound });
      writeSeq(frame, 9);
      const head = readHead(frame);
      if (head === undefined) throw new Error("no frame");
      const sealed = await keys.seal(frame, head, receiver);
      expect(Buffer.from(sealed).includes(Buffer.from(frame.subarray(BEFORE_BYTES)))).toBe(isBound);
      for (let bit = 0; bit < 8 * sealed.byteLength; bit += 1) {
        const changed = flipped(Uint8Array.from(sealed), bit >> 3, 1 << (bit & 7));
        const changedHead = readHead(changed);
        // A flag that says that a message is repeated is none of a chunk's, and is refused where the frame is read.
        if (changedHead === undefined || bit === 8) continue;
        expect(await keys.open(changed, changedHead, receiver), `bit ${bit}`).toBeUndefined();
      }
      expect(Buffer.from((await keys.open(sealed, head, receiver)) ?? [])).toEqual(Buffer.from(frame));
    }
  },
);
