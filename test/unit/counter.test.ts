import { expect, it } from "vitest";
import { Counter, wordsOf } from "../../relay/counter.ts";

it("counts each word of its set, and shows those that never came", () => {
  const counter = new Counter(["a", "b", "c"]);

  counter.add("a");
  counter.add("b", 5);
  counter.add("b");

  expect(counter.read()).toEqual({ a: 1, b: 6, c: 0 });
  expect([counter.of("b"), counter.of("c")]).toEqual([6, 0]);
});

it("throws at a word that is not of its set: a label that nobody knows of is a defect", () => {
  const counter = new Counter<string>(["a"]);

  expect(() => counter.add("z")).toThrow(RangeError);
  expect(() => counter.add("constructor")).toThrow('"constructor" is no word of this counter');
  expect(counter.read()).toEqual({ a: 0 });
});

it("gives a copy that does not count on", () => {
  const counter = new Counter(["a"]);
  const before = counter.read();

  counter.add("a");

  expect(before).toEqual({ a: 0 });
});

it("takes the words of a table", () => {
  expect(wordsOf({ first: 1, second: 2 })).toEqual(["first", "second"]);
});
