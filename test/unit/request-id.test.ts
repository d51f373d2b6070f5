import { expect, it } from "vitest";
import { RequestIds } from "../../relay/entrance/request-id.ts";

it("gives ids that are short, in base32, and each once", () => {
  const ids = new RequestIds();

  const given = Array.from({ length: 10_000 }, () => ids.next());

  expect(given.filter((id) => !/^[a-z2-7]{10}$/.test(id))).toEqual([]);
  expect(new Set(given).size).toBe(10_000);
});
