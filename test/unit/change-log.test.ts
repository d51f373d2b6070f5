import fc from "fast-check";
import { expect, it } from "vitest";
import { ChangeLog } from "../../relay/hub/change-log.ts";

const items = (log: ChangeLog<string>, number: number) => [...log.after(number)].map(({ item }) => item);

it("gives what has changed behind a number, in the order of the last changes", () => {
  const log = new ChangeLog<string>();
  for (const item of ["a", "b", "c", "a"]) log.add(item);

  expect(log.last).toBe(4);
  expect([...log.after(0)]).toEqual([
    { number: 2, item: "b" },
    { number: 3, item: "c" },
    { number: 4, item: "a" },
  ]);
  expect([2, 3, 4].map((number) => items(log, number))).toEqual([["c", "a"], ["a"], []]);
});

it("gives nothing of what was removed, until it changes again", () => {
  const log = new ChangeLog<string>();
  for (const item of ["a", "b"]) log.add(item);

  log.remove("b");
  expect([items(log, 0), log.last]).toEqual([["a"], 2]);
  log.add("b");

  expect(items(log, 2)).toEqual(["b"]);
});

it("says the same as a list of all changes does, however many there were", () => {
  const change = fc.record({ item: fc.constantFrom("a", "b", "c", "d"), isRemoved: fc.boolean() });
  const changes = fc.array(change, { maxLength: 300 });
  fc.assert(
    fc.property(changes, fc.nat(300), (steps, number) => {
      const log = new ChangeLog<string>();
      const all: string[] = [];
      const gone = new Set<string>();
      for (const { item, isRemoved } of steps) {
        if (isRemoved) {
          log.remove(item);
          gone.add(item);
        } else {
          log.add(item);
          all.push(item);
          gone.delete(item);
        }
      }
      const expected = all.filter((item, at) => at >= number && all.lastIndexOf(item) === at && !gone.has(item));

      expect(items(log, number)).toEqual(expected);
    }),
  );
});
