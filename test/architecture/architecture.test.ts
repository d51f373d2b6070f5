import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { functionsOf, readSourceFiles } from "../../scripts/checks/source-files.ts";

const files = readSourceFiles("protocol", "relay");

/** Who may import whom: a folder, and what its files may import besides their own folder. The first match rules. */
const rules: readonly { readonly folder: string; readonly may: readonly RegExp[] }[] = [
  { folder: "protocol/", may: [] },
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
  {
    folder: "relay/dialects/topic/",
    may: [
      /^protocol\//,
      /^relay\/hub\//,
      /^relay\/session\/(ports|payload)\.ts$/,
      /^relay\/wire\/message-frame\.ts$/,
      /^relay\/limits\/token-bucket\.ts$/,
      /^relay\/counter\.ts$/,
    ],
  },
  // The one place that knows all dialects.
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
    may: [/^node:/, /^relay\/(limits|tls)\//, /^relay\/session\/ports\.ts$/, /^relay\/(clock|relay-error)\.ts$/],
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

it("keeps the direction of imports: every file imports only what its folder may", () => {
  const broken = files.flatMap(({ path, imports }) => {
    const rule = rules.find(({ folder }) => path.startsWith(folder));
    return imports
      .filter(
        (target) => rule === undefined || !(target.startsWith(rule.folder) || rule.may.some((may) => may.test(target))),
      )
      .map((target) => `${path} imports ${target}`);
  });

  expect(broken).toEqual([]);
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
  for (const { folder } of rules) expect(files.some(({ path }) => path.startsWith(folder))).toBe(true);
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
