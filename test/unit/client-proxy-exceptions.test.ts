import { describe, expect, it } from "vitest";
import { entriesOf, exceptionFor } from "../../client/node/proxies/exceptions.ts";
import { targetOf } from "../../client/node/proxies/target.ts";

/** Which targets each list is to except. What is not named here goes by the proxy. */
const TARGETS = [
  "wss://example.test",
  "wss://EXAMPLE.test.",
  "wss://example.test:8443",
  "wss://relay.example.test",
  "wss://a.relay.example.test",
  "wss://notexample.test",
  "wss://example.test.evil.test",
  "wss://localhost",
  "wss://127.0.0.1",
  "wss://127.9.9.9",
  "wss://10.0.0.5",
  "wss://10.0.0.50",
  "wss://10.200.0.1:8443",
  "wss://110.0.0.5",
  "wss://[::1]",
  "wss://[fd00::5]",
  "wss://[::ffff:10.0.0.5]",
  "ws://example.test",
] as const;

const NAMES_OF_EXAMPLE = ["wss://example.test", "wss://EXAMPLE.test.", "wss://example.test:8443", "ws://example.test"];
const BELOW_EXAMPLE = ["wss://relay.example.test", "wss://a.relay.example.test"];
const OF_TEN = ["wss://10.0.0.5", "wss://10.0.0.50", "wss://10.200.0.1:8443"];

const CELLS: readonly (readonly [list: string, excepted: readonly string[]])[] = [
  ["", []],
  [" , ,", []],
  ["*", TARGETS],
  ["other.test, *", TARGETS],
  ["*:443", TARGETS.filter((url) => !url.includes(":8443") && !url.startsWith("ws:"))],
  ["example.test", [...NAMES_OF_EXAMPLE, ...BELOW_EXAMPLE]],
  ["EXAMPLE.Test", [...NAMES_OF_EXAMPLE, ...BELOW_EXAMPLE]],
  ["example.test.", [...NAMES_OF_EXAMPLE, ...BELOW_EXAMPLE]],
  [".example.test", BELOW_EXAMPLE],
  ["*.example.test", BELOW_EXAMPLE],
  ["example.test:443", ["wss://example.test", "wss://EXAMPLE.test.", ...BELOW_EXAMPLE]],
  ["example.test:8443", ["wss://example.test:8443"]],
  ["example.test:80", ["ws://example.test"]],
  ["other.test,example.test", [...NAMES_OF_EXAMPLE, ...BELOW_EXAMPLE]],
  ["other.test example.test", [...NAMES_OF_EXAMPLE, ...BELOW_EXAMPLE]],
  ["other.test , \texample.test", [...NAMES_OF_EXAMPLE, ...BELOW_EXAMPLE]],
  ["test", TARGETS.filter((url) => url.toLowerCase().includes(".test"))],
  ["ample.test", []],
  ["localhost", ["wss://localhost"]],
  ["127.0.0.1", ["wss://127.0.0.1"]],
  ["127.0.0.1:443", ["wss://127.0.0.1"]],
  ["127.0.0.1:80", []],
  ["127.0.0.0/8", ["wss://127.0.0.1", "wss://127.9.9.9"]],
  ["10.0.0.5", ["wss://10.0.0.5", "wss://[::ffff:10.0.0.5]"]],
  ["10.0.0.0/8", [...OF_TEN, "wss://[::ffff:10.0.0.5]"]],
  ["10.0.0.0/33", []],
  ["10.0.0.0/x", []],
  ["10.*", OF_TEN],
  ["10.0.0.*", ["wss://10.0.0.5", "wss://10.0.0.50"]],
  ["::1", ["wss://[::1]"]],
  ["[::1]", ["wss://[::1]"]],
  ["[::1]:443", ["wss://[::1]"]],
  ["[::1]:80", []],
  ["0:0:0:0:0:0:0:1", ["wss://[::1]"]],
  ["fd00::/8", ["wss://[fd00::5]"]],
  ["fd00::5%eth0", []],
  ["<local>", ["wss://localhost"]],
  ["relay*.test", ["wss://relay.example.test"]],
  ["*example*", TARGETS.filter((url) => url.toLowerCase().includes("example"))],
  // The one list that every reader takes alike.
  [
    "example.test,.example.test,10.0.0.5,::1,[::1],127.0.0.1,localhost",
    [
      ...NAMES_OF_EXAMPLE,
      ...BELOW_EXAMPLE,
      "wss://localhost",
      "wss://127.0.0.1",
      "wss://10.0.0.5",
      "wss://[::1]",
      "wss://[::ffff:10.0.0.5]",
    ],
  ],
];

describe.each(CELLS)("NO_PROXY=%s", (list, excepted) => {
  it.each(TARGETS)("and %s", (url) => {
    const entry = exceptionFor(entriesOf(list), targetOf(new URL(url)));

    expect(entry !== undefined).toBe(excepted.includes(url));
  });
});

it("says which entry has decided, as it was written", () => {
  const entries = entriesOf("other.test, Example.TEST:443 *");

  expect(exceptionFor(entries, targetOf(new URL("wss://relay.example.test")))).toBe("Example.TEST:443");
  expect(exceptionFor(entries, targetOf(new URL("wss://relay.test")))).toBe("*");
});

it("reads a name of another alphabet as a URL does", () => {
  expect(exceptionFor(["bücher.test"], targetOf(new URL("wss://relay.bücher.test")))).toBe("bücher.test");
});

it("takes no longer for a pattern of many stars than for another", () => {
  const pattern = `${"*a".repeat(2000)}*b`;

  const startMs = performance.now();
  expect(exceptionFor([pattern], { hostname: "a".repeat(4000), port: 443, isTls: true })).toBeUndefined();
  expect(performance.now() - startMs).toBeLessThan(1000);
});
