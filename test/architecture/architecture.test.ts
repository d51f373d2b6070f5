import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { functionsOf, readSourceFiles } from "./source-files.ts";

const files = readSourceFiles("protocol", "relay");

/** Who may import whom: a folder, and what its files may import besides their own folder. The first match rules. */
const rules: readonly { readonly folder: string; readonly may: readonly RegExp[] }[] = [
  { folder: "protocol/", may: [] },
  { folder: "relay/hub/", may: [] },
  { folder: "relay/wire/", may: [/^node:buffer$/, /^protocol\//] },
  {
    folder: "relay/session/",
    may: [
      /^protocol\/close-codes\.ts$/,
      /^relay\/hub\/ports\.ts$/,
      /^relay\/clock\.ts$/,
      /^relay\/observability\/access-log\.ts$/,
      /^relay\/(websocket|entrance)\//,
    ],
  },
  {
    folder: "relay/dialects/topic/",
    may: [/^protocol\//, /^relay\/hub\//, /^relay\/session\/ports\.ts$/, /^relay\/wire\/message-frame\.ts$/],
  },
  { folder: "relay/config/", may: [/^node:net$/, /^relay\/relay-error\.ts$/, /^relay\/limits\/memory-bound\.ts$/] },
  {
    folder: "relay/websocket/",
    may: [
      /^node:/,
      /^protocol\//,
      /^relay\/hub\/ports\.ts$/,
      /^relay\/wire\//,
      /^relay\/limits\//,
      /^relay\/clock\.ts$/,
    ],
  },
  {
    folder: "relay/entrance/",
    may: [
      /^node:/,
      /^ws$/,
      /^pino$/,
      /^protocol\//,
      /^relay\/hub\/ports\.ts$/,
      /^relay\/(auth\/ports|config\/options)\.ts$/,
      /^relay\/(session|websocket|limits)\//,
      /^relay\/observability\/(access-log|readings)\.ts$/,
      /^relay\/clock\.ts$/,
    ],
  },
  {
    folder: "relay/limits/",
    may: [
      /^node:/,
      /^relay\/hub\/ports\.ts$/,
      /^relay\/clock\.ts$/,
      /^relay\/config\/options\.ts$/,
      /^relay\/observability\/log-destination\.ts$/,
    ],
  },
  {
    folder: "relay/admin/",
    may: [
      /^node:/,
      /^relay\/(http|limits|tls)\//,
      /^relay\/observability\/(connection-events|history|readings)\.ts$/,
      /^relay\/(clock|relay-error)\.ts$/,
    ],
  },
  {
    folder: "relay/http/",
    may: [/^node:/, /^relay\/(limits|tls|admin)\//, /^relay\/(clock|listen-on|relay-error)\.ts$/],
  },
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
      /^relay\/(clock|json|listen-on|relay-error|version)\.ts$/,
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
      /^relay\/hub\/ports\.ts$/,
      /^relay\/(clock|json|relay-error)\.ts$/,
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
      /^relay\/tls\/health-name\.ts$/,
      /^relay\/clock\.ts$/,
    ],
  },
  {
    folder: "relay/cli/",
    may: [
      /^node:/,
      /^commander$/,
      /^pino$/,
      /^relay\/(auth|config|observability|tls)\//,
      /^relay\/(relay|open-port|clock|version|relay-error)\.ts$/,
      /^relay\/http\/(listener|descriptors)\.ts$/,
      /^relay\/limits\/(memory-bound|address)\.ts$/,
    ],
  },
  { folder: "relay/main.ts", may: [/^node:tty$/, /^relay\/cli\//, /^relay\/heap\.ts$/] },
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
