import { expect, it } from "vitest";
import type { ConnectError } from "../../client/errors.ts";
import { BackOff } from "../../client/line/back-off.ts";
import { loadPart } from "../../client/load-part.ts";
import { FakeClock } from "../support/fake-clock.ts";

/** Loads by these answers, one for each attempt; where there are no more, it never settles. */
function scene(...answers: readonly (string | Error)[]) {
  const clock = new FakeClock();
  const backOff = new BackOff(() => 0.5, { minDelayMs: 200, maxDelayMs: 30_000 });
  const abort = new AbortController();
  const errors: ConnectError[] = [];
  let count = 0;
  const load = (): Promise<string> => {
    const answer = answers[count];
    count += 1;
    if (answer === undefined) return new Promise(() => undefined);
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  };
  const parts = { clock, backOff, signal: abort.signal, onError: (error: ConnectError) => void errors.push(error) };
  const begin = (): Promise<string> => loadPart(load, parts);
  return { clock, abort, errors, begin, attempts: () => count };
}

/** What is due behind promises has run. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

it("gives what was loaded, and tells nothing where that went well", async () => {
  const { begin, errors, attempts } = scene("the part");

  expect(await begin()).toBe("the part");
  expect([errors, attempts()]).toEqual([[], 1]);
});

it("tries again after a back-off until it is there, and tells each failure with its cause", async () => {
  const { clock, begin, errors, attempts } = scene(new TypeError("404"), new TypeError("cut"), "the part");
  const loaded = begin();
  await turn();
  clock.advance(99);
  await turn();
  const attemptsBefore = attempts();
  clock.advance(1);
  await turn();
  clock.advance(200);

  expect(await loaded).toBe("the part");
  expect([attemptsBefore, attempts()]).toEqual([1, 3]);
  expect(errors.map(({ code, message }) => [code, message])).toEqual([
    ["load-failed", "A part of this client cannot be loaded: 404"],
    ["load-failed", "A part of this client cannot be loaded: cut"],
  ]);
});

it.each([
  ["while the server does not answer", [], 1],
  ["while it waits for the next attempt", [new TypeError("404")], 1],
])("ends with the signal's reason %s, and asks no more", async (_name, answers, count) => {
  const { clock, abort, begin, attempts } = scene(...answers);
  const loaded = begin();
  loaded.catch(() => undefined);
  await turn();

  abort.abort(new Error("given up"));

  await expect(loaded).rejects.toThrow("given up");
  clock.advance(60_000);
  await turn();
  expect(attempts()).toBe(count);
});

it("asks nothing where the signal was aborted before", async () => {
  const { abort, begin, attempts, errors } = scene("the part");
  abort.abort(new Error("given up"));

  await expect(begin()).rejects.toThrow("given up");
  expect([attempts(), errors]).toEqual([0, []]);
});
