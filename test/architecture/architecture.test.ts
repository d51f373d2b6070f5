import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { functionsOf, readSourceFiles } from "../../scripts/checks/source-files.ts";

const files = readSourceFiles("protocol", "relay", "client");
/** Who makes or runs a whole relay: the command line, and the entry point of the package. */
const OWNERS_OF_RELAYS = /^relay\/(cli\/[a-z-]+|index)\.ts$/;

type Rule = { readonly folder: string; readonly may: readonly RegExp[] };

/**
 * Who may import whom: a folder, and what its files may import besides their own folder. The first match rules. In words:
 * ARCHITECTURE.md#direction-of-imports.
 */
const rules: readonly Rule[] = [
  { folder: "protocol/", may: [] },
  { folder: "client/", may: [/^protocol\//] },
  { folder: "relay/hub/", may: [/^relay\/counter\.ts$/] },
  { folder: "relay/wire/", may: [/^node:buffer$/, /^protocol\//] },
  {
    folder: "relay/session/",
    may: [
      /^pino$/,
      /^protocol\/close-codes\.ts$/,
      /^relay\/hub\/ports\.ts$/,
      /^relay\/observability\/access-log\.ts$/,
      /^relay\/clock\.ts$/,
    ],
  },
  // The one place that knows all dialects. Each of the others knows itself alone: see ruleFor.
  {
    folder: "relay/dialects/all.ts",
    may: [/^relay\/dialects\/[a-z]+\/[a-z]+-dialect\.ts$/, /^relay\/session\/ports\.ts$/],
  },
  {
    folder: "relay/websocket/",
    may: [/^node:/, /^relay\/(hub|session)\/ports\.ts$/, /^relay\/(wire|limits)\//, /^relay\/(clock|turn-clock)\.ts$/],
  },
  {
    folder: "relay/entrance/",
    may: [
      /^node:/,
      /^ws$/,
      /^pino$/,
      /^relay\/(auth\/ports|config\/options)\.ts$/,
      /^relay\/(session|websocket|limits)\//,
      /^relay\/observability\/(access-log|readings)\.ts$/,
      /^relay\/(clock|turn-clock|counter)\.ts$/,
    ],
  },
  {
    folder: "relay/limits/",
    may: [/^node:/, /^relay\/hub\/ports\.ts$/, /^relay\/config\/options\.ts$/, /^relay\/clock\.ts$/],
  },
  {
    folder: "relay/admin/",
    may: [
      /^node:/,
      /^relay\/http\/(answer|listener|routes)\.ts$/,
      /^relay\/(limits|tls)\//,
      /^relay\/observability\/(connection-events|history|readings)\.ts$/,
      /^relay\/(clock|counter|relay-error)\.ts$/,
    ],
  },
  {
    folder: "relay/http/",
    may: [
      /^node:/,
      /^pino$/,
      /^relay\/(limits|tls)\//,
      /^relay\/session\/ports\.ts$/,
      /^relay\/(clock|relay-error)\.ts$/,
    ],
  },
  { folder: "relay/config/", may: [/^node:net$/, /^relay\/relay-error\.ts$/] },
  {
    folder: "relay/tls/store/",
    may: [/^node:/, /^@azure\/(identity|keyvault-secrets|logger)$/, /^relay\/clock\.ts$/],
  },
  {
    folder: "relay/tls/acme/",
    may: [
      /^node:/,
      /^acme-client$/,
      /^pino$/,
      /^relay\/tls\/store\/ports\.ts$/,
      /^relay\/tls\/(address|alpn-challenges|material|self-signed|source)\.ts$/,
      /^relay\/(clock|json|relay-error|version)\.ts$/,
    ],
  },
  {
    folder: "relay/tls/",
    may: [/^node:/, /^node-forge$/, /^pino$/, /^relay\/config\/options\.ts$/, /^relay\/(clock|relay-error)\.ts$/],
  },
  {
    folder: "relay/auth/",
    may: [
      /^node:/,
      /^jose$/,
      /^pino$/,
      /^protocol\/subprotocol\.ts$/,
      /^relay\/session\/ports\.ts$/,
      /^relay\/(clock|counter|json|relay-error)\.ts$/,
    ],
  },
  {
    folder: "relay/observability/",
    may: [
      /^node:/,
      /^pino$/,
      /^prom-client$/,
      /^protocol\/close-codes\.ts$/,
      /^relay\/hub\//,
      /^relay\/session\/ports\.ts$/,
      /^relay\/(clock|counter)\.ts$/,
    ],
  },
  {
    folder: "relay/cli/",
    may: [
      /^node:/,
      /^commander$/,
      /^relay\/(auth|config|observability|tls)\//,
      /^relay\/(relay|open-port|clock|version|relay-error)\.ts$/,
      /^relay\/http\/listener\.ts$/,
      /^relay\/limits\/memory-bound\.ts$/,
    ],
  },
  { folder: "relay/main.ts", may: [/^relay\/cli\//, /^relay\/heap\.ts$/] },
  { folder: "relay/", may: [/^node:/, /^pino$/, /^protocol\//, /^relay\//] },
];

/** What every dialect may import, besides its own folder. */
const dialectMay: readonly RegExp[] = [
  /^protocol\//,
  /^relay\/hub\//,
  /^relay\/session\/(ports|payload)\.ts$/,
  /^relay\/wire\/message-frame\.ts$/,
  /^relay\/counter\.ts$/,
];

function ruleFor(path: string): Rule | undefined {
  const [dialect] = /^relay\/dialects\/[a-z]+\//.exec(path) ?? [];
  return dialect === undefined
    ? rules.find(({ folder }) => path.startsWith(folder))
    : { folder: dialect, may: dialectMay };
}

/** What of these imports the rules forbid, in words. */
function forbiddenIn(path: string, imports: readonly string[]): readonly string[] {
  const rule = ruleFor(path);
  return imports
    .filter(
      (target) =>
        rule === undefined ||
        (target === "relay/relay.ts" && !OWNERS_OF_RELAYS.test(path)) ||
        !(target.startsWith(rule.folder) || rule.may.some((may) => may.test(target))),
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
  // The client is not written yet.
  const folders = rules.map(({ folder }) => folder).filter((folder) => folder !== "client/");
  for (const folder of folders) expect(files.some(({ path }) => path.startsWith(folder))).toBe(true);
});

it("reads the environment and the time in one place each", () => {
  const elsewhere = files.flatMap(({ path, text }) => [
    ...(/process\.env/.test(text) && path !== "relay/main.ts" ? [`${path} reads process.env`] : []),
    ...(/\b(Date\.now|(?<!\.)setTimeout|setInterval|performance\.now)\(/.test(text) && path !== "relay/clock.ts"
      ? [`${path} has a time of its own`]
      : []),
    ...(/console\./.test(text) ? [`${path} writes to the console`] : []),
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
