import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { Config } from "../../relay/config/options.ts";
import { ask } from "../support/ask.ts";
import { eventually } from "../support/eventually.ts";
import { PlainClient } from "../support/plain-client.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";

const HERE = "here";

/** How the clients of one dialect meet and talk: all that the suite needs to know of it. */
export type DialectUnderTest = {
  readonly name: string;
  /** Options of the relay, where it needs any. */
  readonly options?: Partial<Config>;
  readonly start?: (options: Partial<Config>) => Promise<TestRelay>;
  /** Opens a client that is where the others of this place are, and ready to talk. */
  readonly open: (relay: TestRelay, place: string) => Promise<PlainClient>;
  /** A message for the others of this place that says this word: letters and digits. */
  readonly say: (word: string, place: string) => string | Uint8Array;
  /** The word of a message that came of `say`; undefined for what the relay says of its own. */
  readonly wordOf: (message: string) => string | undefined;
  /** Whether messages wait in a store: then nobody is held up for a slow reader, and none of them is ended for it. */
  readonly isStored?: boolean;
  /** What a client hears when the only other one has gone for good: a close, or nothing. */
  readonly partnerGone: "closed" | "stays";
};

/** What every dialect does. @see relay/session/ports.ts */
export function dialectContract({ name, options = {}, start = startRelay, ...dialect }: DialectUnderTest): void {
  const begin = (changes: Partial<Config> = {}): Promise<TestRelay> => start({ ...options, ...changes });
  const words = (client: PlainClient): readonly string[] =>
    client.heard.map(dialect.wordOf).filter((word) => word !== undefined);
  const openTwo = async (relay: TestRelay, place = HERE): Promise<[PlainClient, PlainClient]> => [
    await dialect.open(relay, place),
    await dialect.open(relay, place),
  ];
  // A store reads and writes each of them, and its clients' protocol writes a byte as up to four.
  const floodCount = dialect.isStored === true ? 60 : 400;
  const isWell = async (relay: TestRelay): Promise<void> => {
    const [a, b] = await openTwo(relay, "elsewhere");
    a.send(dialect.say("well", "elsewhere"));
    await eventually(() => expect(words(b)).toEqual(["well"]));
    for (const { socket } of [a, b]) socket.terminate();
  };

  describe(name, () => {
    it("keeps places apart", async () => {
      const relay = await begin();
      const [[a, b], [c, d]] = [await openTwo(relay), await openTwo(relay, "there")];

      a.send(dialect.say("here", HERE));
      c.send(dialect.say("there", "there"));

      await eventually(() => expect([words(b), words(d)]).toEqual([["here"], ["there"]]));
      await Promise.all([a.settled(), c.settled()]);
      expect([words(a), words(c)]).toEqual([[], []]);
    });

    it("keeps the order of a sender, and gives each message once", async () => {
      const relay = await begin();
      const [a, b] = await openTwo(relay);
      const said = Array.from({ length: 500 }, (_, index) => `w${index}`);

      for (const word of said) a.send(dialect.say(word, HERE));

      await eventually(() => expect(words(b)).toHaveLength(said.length));
      expect(words(b)).toEqual(said);
    });

    it("holds a sender back for a reader that does not read, and loses nothing", async () => {
      const relay = await begin({ outboxHighWaterBytes: 65_536, maxOutboxBytes: 1_048_576 });
      const [a, b] = await openTwo(relay);
      const long = "x".repeat(50_000);
      b.socket.pause();
      for (let index = 0; index < floodCount; index += 1) a.send(dialect.say(`${long}${index}`, HERE));
      if (dialect.isStored !== true) await eventually(() => expect(relay.figures().pauses).toBeGreaterThan(0));
      else await a.settled();

      b.socket.resume();

      await eventually(() => expect(words(b)).toHaveLength(floodCount));
      expect(words(b).at(-1)).toBe(`${long}${floodCount - 1}`);
      expect(relay.figures().outboxesFull).toBe(0);
    });

    it("[GUN-6] [MESH-24] closes a stuck reader that others wait for, whom it would else block, with a code that says so", async () => {
      const relay = await begin({ outboxHighWaterBytes: 65_536, stalledReaderTimeoutMs: 300, drainTimeoutMs: 300 });
      const [a, stuck] = await openTwo(relay);
      stuck.socket.pause();
      for (let index = 0; index < floodCount; index += 1) a.send(dialect.say("x".repeat(50_000), HERE));

      if (dialect.isStored === true) {
        await isWell(relay);
        stuck.socket.resume();
        await eventually(() => expect(words(stuck)).toHaveLength(floodCount));
        return;
      }
      await eventually(() => expect(relay.figures().stalledReaders).toBe(1));

      if (dialect.partnerGone === "closed") expect(await a.closed()).toEqual({ code: 1000, reason: "" });
      else await a.settled();
      await isWell(relay);
    });

    it("takes garbage without a crash, and nobody else is harmed", async () => {
      const relay = await begin();
      const [a, b] = await openTwo(relay);
      const garbage = ["", "{", "null", "[]", "\0", '{"type":1}', "9".repeat(400), "[".repeat(10_000)];

      for (const text of garbage) a.send(text);
      for (let size = 0; size < 70; size += 1) a.send(randomBytes(size));

      await Promise.race([a.settled(), a.closed()]);
      expect(relay.logLines().filter(({ msg }) => msg === "session failed")).toEqual([]);
      await isWell(relay);
      b.socket.terminate();
    });

    it("ends a connection with a message above the bound, with 1009", async () => {
      const relay = await begin({ maxFrameBytes: 10_000 });
      const [a] = await openTwo(relay);

      a.send(dialect.say("x".repeat(20_000), HERE));

      expect(await a.closed()).toMatchObject({ code: 1009 });
      await isWell(relay);
    });

    it("delivers what was said before a planned stop, then closes with 1012", async () => {
      const relay = await begin({ drainTimeoutMs: 4000 });
      const [a, b] = await openTwo(relay);
      a.send(dialect.say("before", HERE));
      await a.settled();

      await relay.stop();

      expect(words(b)).toEqual(["before"]);
      expect([await a.closed(), await b.closed()].map(({ code }) => code)).toEqual([1012, 1012]);
    });

    it("is back at nothing when all have gone, however they went", async () => {
      const relay = await begin();
      const clients = [...(await openTwo(relay)), ...(await openTwo(relay, "there"))];

      for (const [index, { socket }] of clients.entries()) {
        if (index % 2 === 0) socket.terminate();
        else socket.close(1000);
      }

      await eventually(() => expect(relay.figures()).toMatchObject({ connections: 0, peers: 0, topics: 0 }));
      expect(JSON.parse((await ask(relay, "/health", {})).body)).toMatchObject({ sessions: 0, topics: 0, peers: 0 });
    });
  });
}
