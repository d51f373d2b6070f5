import { expect, it } from "vitest";
import { wordsOfPage } from "../../client/node/proxies/page-words.ts";

it.each([
  [
    "<html><head><title>No</title><style>p { color: red }</style></head><body><h1>Access\r\n Denied</h1>Ask &lt;IT&gt;",
    "Access Denied Ask <IT>",
  ],
  ["plain text", "plain text"],
  ["1a\r\n<p>of a chunk</p>", "of a chunk"],
  ["cut in a tag <a href='x", "cut in a tag"],
  ["a style without end <style> p {", "a style without end"],
  ["\u001b[31mred\u0007", "[31mred"],
  ["x".repeat(300), `${"x".repeat(200)} ...`],
  [`${"x".repeat(190)} ${"y".repeat(20)}`, `${"x".repeat(190)} ...`],
])("takes the words out of %j", (page, words) => {
  expect(wordsOfPage(page, ["secret"])).toBe(words);
});

it.each([
  ["", []],
  ["<p></p>", []],
  ["for alex, who has failed", ["alex"]],
  ["for ALEX", ["alex"]],
  ["<a href='/?u=p%40ss'>again</a> for you", ["p@ss"]],
  ["tom&amp;co is not allowed", ["tom&co"]],
])("gives nothing of %j where %j must not be told", (page, secrets) => {
  expect(wordsOfPage(page, secrets)).toBeUndefined();
});

it("takes no more than a moment for a page that is made to take long", () => {
  const startedMs = performance.now();

  for (const part of ["<style", "<", "&lt", "\u0001"]) wordsOfPage(part.repeat(8192 / part.length), ["secret"]);

  expect(performance.now() - startedMs).toBeLessThan(1000);
});
