import { expect, it } from "vitest";
import { type Handshake, HelloMemory, raceHellos } from "../../client/node/first-flight.ts";
import type { Hello } from "../../client/node/trust.ts";
import { FakeClock } from "../support/fake-clock.ts";

class End {
  readonly name: string;
  isDestroyed = false;

  constructor(name: string) {
    this.name = name;
  }

  destroy(): void {
    this.isDestroyed = true;
  }
}

type Attempt = {
  readonly hello: Hello;
  readonly sent: () => void;
  readonly signal: AbortSignal;
  readonly done: (end: End) => void;
  readonly fail: (error: Error) => void;
};

/** A race whose handshakes the test decides. */
function scene() {
  const clock = new FakeClock();
  const memory = new HelloMemory(clock);
  const attempts: Attempt[] = [];
  const handshake: Handshake<End> = (hello, sent, signal) => {
    const { promise, resolve, reject } = Promise.withResolvers<End>();
    attempts.push({ hello, sent, signal, done: resolve, fail: reject });
    return promise;
  };
  const race = () => raceHellos({ clock, memory, way: "here", signal: new AbortController().signal }, handshake);
  return { clock, memory, attempts, race, hellos: () => attempts.map(({ hello }) => hello) };
}

const settled = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

it("sends the usual hello alone while TLS answers", async () => {
  const { clock, attempts, race, hellos } = scene();
  const won = race();
  attempts[0]?.sent();
  clock.advance(2999);
  await settled();
  attempts[0]?.done(new End("usual"));

  expect(await won).toMatchObject({ hello: "usual", socket: { name: "usual", isDestroyed: false } });
  clock.advance(10_000);
  await settled();
  expect(hellos()).toEqual(["usual"]);
});

it("tries a small one beside it after 3 s of silence, counted from the hello and not from the dial", async () => {
  const { clock, memory, attempts, race, hellos } = scene();
  const won = race();
  clock.advance(10_000);
  await settled();
  expect(hellos()).toEqual(["usual"]);
  attempts[0]?.sent();
  clock.advance(3000);
  await settled();
  expect(hellos()).toEqual(["usual", "small"]);

  attempts[1]?.done(new End("small"));

  expect(await won).toMatchObject({ hello: "small", socket: { name: "small", isDestroyed: false } });
  expect(attempts[0]?.signal.aborted).toBe(true);
  expect(memory.helloFor("here")).toBe("small");
  expect(memory.helloFor("elsewhere")).toBe("usual");
});

it("takes the usual one where a slow line brings it after all, and remembers nothing", async () => {
  const { clock, memory, attempts, race } = scene();
  const won = race();
  attempts[0]?.sent();
  clock.advance(3000);
  await settled();
  const late = new End("small");

  attempts[0]?.done(new End("usual"));
  attempts[1]?.done(late);

  expect(await won).toMatchObject({ hello: "usual" });
  await settled();
  expect(late.isDestroyed).toBe(true);
  expect(memory.helloFor("here")).toBe("usual");
});

it("fails with what the usual one fails with, before the silence and behind it", async () => {
  const early = scene();
  const lost = early.race();
  early.attempts[0]?.fail(new Error("refused"));
  await expect(lost).rejects.toThrow("refused");

  const late = scene();
  const silent = late.race();
  late.attempts[0]?.sent();
  late.clock.advance(3000);
  await settled();
  late.attempts[1]?.fail(new Error("of the small one"));
  await settled();
  late.attempts[0]?.fail(new Error("of the usual one"));
  await expect(silent).rejects.toThrow("of the usual one");
});

it("goes on with the small one for an hour, and forgets it as soon as that fails", async () => {
  const { clock, memory, attempts, race, hellos } = scene();
  memory.rememberSmall("here");

  const first = race();
  attempts[0]?.done(new End("small"));
  expect(await first).toMatchObject({ hello: "small" });

  const second = race();
  attempts[1]?.fail(new Error("cut"));
  await expect(second).rejects.toThrow("cut");
  expect(memory.helloFor("here")).toBe("usual");

  memory.rememberSmall("here");
  clock.advance(3_600_000);
  expect(memory.helloFor("here")).toBe("usual");
  expect(hellos()).toEqual(["small", "small"]);
});

it("remembers a bounded number of ways", () => {
  const memory = new HelloMemory(new FakeClock());

  for (let way = 0; way < 1000; way += 1) memory.rememberSmall(`${way}`);

  expect(memory.helloFor("0")).toBe("usual");
  expect(memory.helloFor("999")).toBe("small");
});
