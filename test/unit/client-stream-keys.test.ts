import { describe, expect, it } from "vitest";
import type { StreamEnds, StreamHalf, StreamSecrets } from "../../client/stream-host.ts";
import type { PeerStream } from "../../client/streams/peer-stream.ts";
import { watch } from "../support/lane-scene.ts";
import { manyTurns } from "../support/stream-properties.ts";
import { streamScene, u32 } from "../support/stream-scene.ts";

const [OPEN, ACCEPT, END, ABORT, KEYED_OPEN, KEYED_ACCEPT] = [1, 2, 3, 4, 6, 7] as const;
const NO_KEY = new Uint8Array(32);
const KEY = new Uint8Array(32).fill(9);

/** Keys for streams with `p`, without cryptography: halves are numbered, and a peer's half of zeros is none. */
class FakeSecrets implements StreamSecrets {
  readonly told: string[] = [];
  #halfCount = 0;

  covers(sid: string): boolean {
    return sid === "p";
  }

  async offer(): Promise<StreamHalf> {
    this.#halfCount += 1;
    return { publicKey: new Uint8Array(32).fill(this.#halfCount) };
  }

  async agree({ own, peers, isOpener }: StreamEnds, half: StreamHalf, peersKey: Uint8Array): Promise<boolean> {
    this.told.push(`${isOpener ? "open" : "accept"} ${own} ${peers} by ${half.publicKey[0]} and ${peersKey[0]}`);
    return peersKey.some((byte) => byte !== 0);
  }

  forget({ own, peers }: StreamEnds): void {
    this.told.push(`forget ${own} ${peers}`);
  }
}

function scene() {
  const secrets = new FakeSecrets();
  const made = streamScene(secrets);
  for (const sid of ["p", "q"]) made.lanes.peerBack(sid);
  const taken: PeerStream[] = [];
  const stop = made.streams.onStream((stream) => void taken.push(stream));
  return { ...made, secrets, taken, stop };
}

function keyed(key: Uint8Array, label: string): Uint8Array {
  return Buffer.concat([key, Buffer.from(label)]);
}

describe("a stream with a peer that has an identity", () => {
  it("is given to the app once it has a key, and answers with its half", async () => {
    const { chunk, secrets, take, taken } = scene();

    chunk("p", 7, 1, KEYED_OPEN, keyed(KEY, "label"));
    expect(taken).toEqual([]);
    await manyTurns();

    expect(taken.map(({ label, forwardSecret }) => [label, forwardSecret])).toEqual([["label", true]]);
    expect(secrets.told).toEqual(["accept 1 7 by 1 and 9"]);
    expect(take()).toContain("p #1 1 accept 7 by 1");
  });

  it("is opened with a half, and has its key before the app has it", async () => {
    const { chunk, secrets, streams, take } = scene();

    const opening = streams.open("p", "label");
    await manyTurns();
    expect(take()).toEqual(["p #1 1 open label by 1"]);
    chunk("p", 7, 1, KEYED_ACCEPT, Buffer.concat([u32(1), KEY]));
    const stream = await opening;

    expect(stream.forwardSecret).toBe(true);
    expect(secrets.told).toEqual(["open 1 7 by 1 and 9"]);
  });

  it("loses its key when it has ended, in whichever way", async () => {
    const { chunk, lanes, say, secrets, taken } = scene();
    for (const number of [7, 8, 9]) chunk("p", number, 1, KEYED_OPEN, keyed(KEY, "label"));
    await manyTurns();
    secrets.told.length = 0;

    void taken[0]?.writable.getWriter().close();
    taken[1]?.abort();
    chunk("p", 7, 2, END);
    say("p", 1, "progress", 3);
    lanes.peerGone("p");
    await manyTurns();

    expect(secrets.told.toSorted()).toEqual(["forget 1 7", "forget 2 8", "forget 3 9"]);
  });
});

describe("a peer that lies about the key of a stream", () => {
  it("is not given less: no key from one that has an identity, nor one from another", async () => {
    const { chunk, taken, told } = scene();

    chunk("p", 7, 1, OPEN, "label");
    chunk("q", 7, 1, KEYED_OPEN, keyed(KEY, "label"));
    chunk("p", 8, 1, KEYED_OPEN, KEY);
    chunk("p", 9, 1, KEYED_OPEN, KEY.subarray(1));
    await manyTurns();

    expect(taken).toEqual([]);
    expect(told).toEqual(["p unreadable", "q unreadable", "p unreadable", "p unreadable"]);
  });

  it("is not accepted without one where one was offered", async () => {
    const { chunk, streams, told } = scene();
    const opening = watch(streams.open("p", "label"));
    await manyTurns();

    chunk("p", 7, 1, ACCEPT, u32(1));
    await manyTurns();

    expect(told).toEqual(["p unreadable"]);
    expect(opening.outcome).toBe("waits");
  });

  it("is refused where its half is none", async () => {
    const { chunk, streams, take, taken } = scene();
    chunk("p", 7, 1, KEYED_OPEN, keyed(NO_KEY, "label"));
    const opening = watch(streams.open("p", "label"));
    await manyTurns();
    chunk("p", 8, 1, KEYED_ACCEPT, Buffer.concat([u32(2), NO_KEY]));
    await manyTurns();

    expect(taken).toEqual([]);
    expect(take()).toContain("p #7 resume 0 1");
    expect(opening.outcome).toBe("peer-gone");
  });

  it("opens again, gives up, or finds nobody while the key is made: nothing is left of it", async () => {
    const { chunk, secrets, stop, take, taken } = scene();

    for (let time = 0; time < 3; time += 1) chunk("p", 7, 1, KEYED_OPEN, keyed(KEY, "twice"));
    chunk("p", 8, 1, KEYED_OPEN, keyed(KEY, "withdrawn"));
    chunk("p", 8, 2, ABORT, u32(0));
    await manyTurns();
    expect(taken.map(({ label }) => label)).toEqual(["twice"]);
    chunk("p", 9, 1, KEYED_OPEN, keyed(KEY, "late"));
    stop();
    await manyTurns();

    expect(taken).toHaveLength(1);
    expect(take()).toContain("p #9 resume 0 1");
    const agreed = secrets.told.filter((words) => words.startsWith("accept")).map((words) => words.split(" ")[2]);
    const isForgotten = (number: string | undefined): boolean =>
      secrets.told.some((words) => words.startsWith("forget") && words.split(" ")[2] === number);
    expect(agreed.filter((number) => !isForgotten(number))).toEqual(["7"]);
  });

  it("holds no more than 64 of them, whatever it offers", async () => {
    const { chunk, taken } = scene();

    for (let number = 1; number <= 1000; number += 1) chunk("p", number, 1, KEYED_OPEN, keyed(KEY, "x"));
    await manyTurns();

    expect(taken).toHaveLength(64);
  });
});
