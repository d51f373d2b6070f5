import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { functionsOf, readSourceFiles } from "../../scripts/checks/source-files.ts";
import { tableRows } from "../support/table-rows.ts";

const files = readSourceFiles("protocol", "relay", "client", "page");
/** Who makes or runs a whole relay: the command line, and the entry points of the package. */
const OWNERS_OF_RELAYS = /^relay\/(cli\/[a-z-]+|index|testing)\.ts$/;
/** Where the variables of the environment come from. */
const MAINS = new Set([
  "relay/main.ts",
  "client/cli/main.ts",
  "client/node.ts",
  "client/bun/index.ts",
  "client/doctor.ts",
]);

/** Where the time comes from. */
const CLOCKS = new Set(["relay/clock.ts", "client/clock.ts"]);

/** Who writes to the console. */
const SPEAKERS = new Set(["client/index.ts", "client/bun/index.ts", "client/bare/index.ts"]);

type Rule = { readonly folder: string; readonly owns: RegExp; readonly may: readonly RegExp[] };

/** Who may import whom, as ARCHITECTURE.md says it: the table is the rule. The most specific row first. */
const rules: readonly Rule[] = tableRows("ARCHITECTURE.md", "## Direction of imports")
  .map(([folder = "", may = ""]) => ({
    folder: namesIn(folder)[0] ?? "",
    owns: patternOf(namesIn(folder)[0] ?? ""),
    may: namesIn(may).map(patternOf),
  }))
  .toSorted((a, b) => b.folder.length - a.folder.length);

/** What stands between backticks. */
function namesIn(cell: string): readonly string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? "");
}

/** A folder and what is in it, one file, one package, or `node:` for all of Node's modules. `*` is one name. */
function patternOf(name: string): RegExp {
  const text = name.replaceAll(".", "\\.").replaceAll("*", "[a-z0-9-]+");
  return new RegExp(/[/:]$/.test(name) ? `^${text}` : `^${text}$`);
}

function ruleFor(path: string): Rule | undefined {
  return rules.find(({ owns }) => owns.test(path));
}

/** The folder of this file, as far as its rule names one: `relay/dialects/topic/`. */
function ownFolder(path: string, rule: Rule): string {
  return rule.owns.exec(path)?.[0] ?? path;
}

/** What of these imports the rules forbid, in words. */
function forbiddenIn(path: string, imports: readonly string[]): readonly string[] {
  const rule = ruleFor(path);
  return imports
    .filter(
      (target) =>
        rule === undefined ||
        (target === "relay/relay.ts" && !OWNERS_OF_RELAYS.test(path)) ||
        !(target.startsWith(ownFolder(path, rule)) || rule.may.some((may) => may.test(target))),
    )
    .map((target) => `${path} imports ${target}`);
}

it("keeps the direction of imports: every file imports only what its folder may", () => {
  expect(files.flatMap(({ path, imports }) => forbiddenIn(path, imports))).toEqual([]);
});

it.each([
  ["protocol/fields.ts", "relay/json.ts"],
  ["client/connect.ts", "relay/counter.ts"],
  ["client/connect.ts", "node:net"],
  ["relay/hub/hub.ts", "node:events"],
  ["relay/hub/hub.ts", "relay/session/ports.ts"],
  ["relay/hub/hub.ts", "relay/wire/message-frame.ts"],
  ["relay/session/connection.ts", "relay/dialects/topic/topic-dialect.ts"],
  ["relay/session/connection.ts", "relay/websocket/link.ts"],
  ["relay/dialects/echo/echo-dialect.ts", "relay/dialects/topic/codec.ts"],
  ["relay/dialects/echo/echo-dialect.ts", "relay/websocket/link.ts"],
  ["relay/dialects/echo/echo-dialect.ts", "node:crypto"],
  ["relay/dialects/echo/echo-dialect.ts", "ws"],
  ["relay/websocket/link.ts", "relay/hub/hub.ts"],
  ["relay/websocket/link.ts", "relay/dialects/topic/codec.ts"],
  ["relay/entrance/upgrade.ts", "relay/relay.ts"],
  ["relay/observation.ts", "relay/relay.ts"],
])("would find %s importing %s", (path, target) => {
  expect(forbiddenIn(path, [target])).toEqual([`${path} imports ${target}`]);
});

it("lets a new dialect have all that it needs: the throw-away one of the tests is written against this and no more", () => {
  const [echo] = readSourceFiles("test/fixtures/echo");

  expect(echo?.imports.length).toBeGreaterThan(3);
  expect(forbiddenIn("relay/dialects/echo/echo-dialect.ts", echo?.imports ?? [])).toEqual([]);
});

it("exports from postern/protocol all that its files have for others", () => {
  // How the others read fields: theirs alone.
  const inner = new Set(["protocol/index.ts", "protocol/fields.ts"]);
  const entry = files.find(({ path }) => path === "protocol/index.ts");
  const all = files.filter(({ path }) => path.startsWith("protocol/") && !inner.has(path));

  expect(entry?.imports.toSorted()).toEqual(all.map(({ path }) => path).toSorted());
});

it("has no cycle of imports, those of types alone included", () => {
  const importsOf = new Map(files.map(({ path, imports }) => [path, imports]));
  const cycles = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const at = trail.indexOf(path);
    if (at !== -1) {
      const cycle = trail.slice(at);
      // The same cycle is met from each of its files: it is named once, from its first in the alphabet.
      const first = cycle.indexOf(cycle.toSorted()[0] ?? "");
      cycles.add([...cycle.slice(first), ...cycle.slice(0, first)].join(" -> "));
      return;
    }
    for (const target of importsOf.get(path) ?? []) if (importsOf.has(target)) visit(target, [...trail, path]);
  };
  for (const path of importsOf.keys()) visit(path, []);

  expect([...cycles]).toEqual([]);
});

it("sees the files and their imports: a rule over nothing would hold of itself", () => {
  expect(files.length).toBeGreaterThan(30);
  expect(files.find(({ path }) => path === "relay/relay.ts")?.imports).toContain("relay/hub/hub.ts");
  expect(files.find(({ path }) => path === "relay/wire/frame-parser.ts")?.imports).toEqual([
    "node:buffer",
    "relay/wire/frame-memory.ts",
    "relay/wire/unmask.ts",
  ]);
  const unused = rules.filter(({ owns }) => !files.some(({ path }) => owns.test(path)));
  expect(unused.map(({ folder }) => folder)).toEqual([]);
  expect(rules.length).toBeGreaterThan(15);
});

it("reads the environment and the time in one place each", () => {
  // Declarations do nothing.
  const running = files.filter(({ path }) => !path.endsWith(".d.ts"));
  const elsewhere = running.flatMap(({ path, text }) => [
    ...(/process\.env|\} = process;/.test(text) && !MAINS.has(path) ? [`${path} reads process.env`] : []),
    ...(/\b(Date\.now|(?<!\.)setTimeout|setInterval|performance\.now)\(/.test(text) && !CLOCKS.has(path)
      ? [`${path} has a time of its own`]
      : []),
    ...(/console\./.test(text) && !SPEAKERS.has(path) ? [`${path} writes to the console`] : []),
  ]);

  expect(elsewhere).toEqual([]);
});

it("finds every function that the data path in ARCHITECTURE.md names", () => {
  const page = readFileSync("ARCHITECTURE.md", "utf8");
  const named = [...page.matchAll(/`((?:protocol|relay)\/[a-z0-9/-]+\.ts):(#?\w+)`/g)];

  const missing = named.filter(([, path, name]) => {
    const file = files.find((candidate) => candidate.path === path);
    return file === undefined || !functionsOf(file).some((found) => found.name === name);
  });

  expect(missing.map(([entry]) => entry)).toEqual([]);
  expect(named.length).toBeGreaterThan(8);
});
