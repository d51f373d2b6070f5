import { setImmediate as turn } from "node:timers/promises";
import NoiseSecretStream from "@hyperswarm/secret-stream";
import { keyPair } from "hypercore-crypto";
import { describe, expect, it } from "vitest";
import { DirectPath } from "../../client/hyperswarm/direct-path.ts";
import { confirmationOf, createNoiseHandshake, isSame } from "../../client/hyperswarm/handshake.ts";
import { Query } from "../../client/hyperswarm/query.ts";
import { type Candidate, race } from "../../client/hyperswarm/race.ts";
import { sample } from "../../client/hyperswarm/sample.ts";
import { FakeClock } from "../support/fake-clock.ts";

describe("a handshake", () => {
  it("gives both sides the same, crosswise, and each the other's key", async () => {
    const [one, other] = [keyPair(), keyPair()];
    const dialling = createNoiseHandshake(one, other.publicKey);
    const listening = createNoiseHandshake(other, null);

    await listening.recv(await dialling.send());
    await dialling.recv(await listening.send());

    const [dialled, listened] = [dialling.final(), listening.final()];
    expect(Buffer.from(dialled.tx)).toEqual(Buffer.from(listened.rx));
    expect(Buffer.from(dialled.hash)).toEqual(Buffer.from(listened.hash));
    expect(Buffer.from(listened.remotePublicKey)).toEqual(one.publicKey);
    expect(isSame(confirmationOf(dialled.tx), confirmationOf(listened.rx))).toBe(true);
    expect(isSame(confirmationOf(dialled.rx), confirmationOf(listened.rx))).toBe(false);
  });

  it("is refused by whoever has another key, and where a byte of it was changed", async () => {
    const [one, other] = [keyPair(), keyPair()];
    const message = Buffer.from(await createNoiseHandshake(one, other.publicKey).send());

    expect(() => createNoiseHandshake(keyPair(), null).recv(message)).toThrow();
    for (const at of [0, 40, message.length - 1]) {
      const changed = message.with(at, (message[at] ?? 0) ^ 1);
      expect(() => createNoiseHandshake(other, null).recv(changed)).toThrow();
    }
  });
});

describe("a sample", () => {
  const keys = Array.from({ length: 200 }, (_, index) => index.toString(16).padStart(64, "0"));

  it("has up to 80 peers, in answers of 20, each once", () => {
    const answers = sample(keys, new Set());

    expect(answers.map(({ peers }) => peers.length)).toEqual([20, 20, 20, 20]);
    expect(new Set(answers.flatMap(({ peers }) => peers.map(({ publicKey }) => publicKey.toString("hex")))).size).toBe(
      80,
    );
    expect(sample([], new Set())).toEqual([]);
  });

  it("has those first who are not connected", () => {
    const connected = new Set(keys.slice(0, 150));

    const found = sample(keys, connected).flatMap(({ peers }) =>
      peers.map(({ publicKey }) => publicKey.toString("hex")),
    );

    expect(found.slice(0, 50).toSorted()).toEqual(keys.slice(150));
  });
});

async function all(query: Query): Promise<readonly unknown[]> {
  const answers: unknown[] = [];
  for await (const answer of query) answers.push(answer);
  return answers;
}

describe("a query", () => {
  it("settles when it is destroyed, whatever its run does", async () => {
    const query = new Query(
      (signal) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("late")))),
    );

    query.destroy();

    expect(await all(query)).toEqual([]);
    await query.finished();
  });

  it("fails as its run does", async () => {
    const query = new Query(() => Promise.reject(new Error("no relay")));

    await expect(all(query)).rejects.toThrow("no relay");
    await expect(query.finished()).rejects.toThrow("no relay");
  });
});

function candidate(log: string[], name: string): Candidate {
  return {
    begin: () => log.push(`begin ${name}`),
    discard: () => log.push(`discard ${name}`),
  };
}

describe("a race", () => {
  it("gives the first, stops the others, and discards what they still come to", async () => {
    const log: string[] = [];
    const late = Promise.withResolvers<Candidate>();

    const winner = await race(
      [
        (signal) => {
          signal.addEventListener("abort", () => late.resolve(candidate(log, "late")));
          return late.promise;
        },
        () => Promise.resolve(candidate(log, "first")),
      ],
      new AbortController().signal,
    );
    winner.begin();
    await turn();

    expect(log).toEqual(["begin first", "discard late"]);
  });

  it("fails as the last in the list does, where all fail", async () => {
    const runners = ["one", "two"].map((name) => () => Promise.reject<Candidate>(new Error(name)));

    await expect(race(runners, new AbortController().signal)).rejects.toThrow("two");
  });
});

describe("the direct path", () => {
  const dht = { stats: { requests: { active: 0, total: 0, responses: 0 } } };

  it("is blocked when nothing was answered for 3 s, and works from the first answer on", () => {
    const clock = new FakeClock();
    const stats = { requests: { active: 0, total: 9, responses: 0 } };
    const path = new DirectPath({ clock, dht: Object.create({ ...dht, stats }) });

    expect([path.works, path.isBlocked]).toEqual([false, false]);
    clock.advance(3000);
    expect([path.works, path.isBlocked]).toEqual([false, true]);
    stats.requests.responses = 1;
    expect([path.works, path.isBlocked]).toEqual([true, false]);
    path.judgeAgain();
    expect([path.works, path.isBlocked]).toEqual([false, false]);
  });

  it.each([
    { answeredAtMs: 0, overAtMs: 1000 },
    { answeredAtMs: 100, overAtMs: 1000 },
    { answeredAtMs: undefined, overAtMs: 250 },
  ])("has a head start as long as there is hope: %o", async ({ answeredAtMs, overAtMs }) => {
    const clock = new FakeClock();
    const stats = { requests: { active: 0, total: 9, responses: 0 } };
    const path = new DirectPath({ clock, dht: Object.create({ ...dht, stats }) });
    let endedAtMs: number | undefined;
    const over = (): void => void (endedAtMs = clock.monotonicMs());

    for (let nowMs = 0; nowMs <= 1000; nowMs += 50) {
      if (nowMs === answeredAtMs) stats.requests.responses = 1;
      if (nowMs === 0) void path.headStart(keyPair().publicKey, 1000, new AbortController().signal).then(over);
      await turn();
      clock.advance(endedAtMs === undefined ? 50 : 0);
      await turn();
    }

    expect(endedAtMs).toBe(overAtMs);
  });

  it("has no further head start where UDP has been silent for a while", async () => {
    const clock = new FakeClock();
    const path = new DirectPath({ clock, dht: Object.create(dht) });
    clock.advance(300);

    const started = path.headStart(keyPair().publicKey, 1000, new AbortController().signal);
    clock.advance(0);

    await started;
    expect(clock.monotonicMs()).toBe(300);
  });

  it.each([
    ["ETIMEDOUT", true],
    ["ECONNRESET", false],
  ])("remembers for a minute whose connection has ended with %s: %s", async (code, isRemembered) => {
    const clock = new FakeClock();
    const path = new DirectPath({ clock, dht: Object.create(dht) });
    const { publicKey } = keyPair();
    const connection = new NoiseSecretStream(true, null, {
      ...keyPair(),
      remotePublicKey: publicKey,
      autoStart: false,
    });
    connection.on("error", () => undefined);
    path.watch(connection);

    connection.destroy(Object.assign(new Error(code), { code }));
    await new Promise((resolve) => connection.on("close", () => resolve(undefined)));

    expect(path.hasDied(publicKey)).toBe(isRemembered);
    clock.advance(60_000);
    expect(path.hasDied(publicKey)).toBe(false);
  });
});
