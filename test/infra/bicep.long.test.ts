import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect } from "vitest";
import { itWithBicep } from "../support/requires.ts";
import { Compiler } from "./compiler.ts";
import { resourceProblems, variableProblems } from "./judgements.ts";
import { PARAMETER_FILES, TEMPLATES, TemplateCopy } from "./template-copy.ts";

type Described = {
  readonly metadata?: { readonly description?: string };
  readonly defaultValue?: unknown;
  readonly nullable?: boolean;
};
type Part = {
  readonly condition?: string;
  readonly dependsOn?: readonly string[];
  readonly properties?: { readonly template?: Template };
};
type Template = {
  readonly parameters?: Readonly<Record<string, Described>>;
  readonly outputs?: Readonly<Record<string, Described>>;
  readonly resources: Readonly<Record<string, Part>>;
};

let compiler: Compiler;

beforeAll(() => {
  compiler = new Compiler();
});
afterAll(() => compiler.stop());

itWithBicep().each(TEMPLATES)("has the compiler and its linter say nothing of %s", async (path) => {
  const { success, diagnostics } = await compiler.compile(path);

  // Most of its complaints are warnings, which fail nothing by themselves.
  expect(diagnostics).toEqual([]);
  expect(success).toBe(true);
});

itWithBicep().each(PARAMETER_FILES)("has the compiler say nothing of %s", async (path) => {
  expect((await compiler.compileParameters(path)).diagnostics).toEqual([]);
});

itWithBicep().each([...TEMPLATES, ...PARAMETER_FILES])("has %s as the formatter writes it", async (path) => {
  expect(readFileSync(path, "utf8")).toBe(await compiler.format(path));
});

itWithBicep()("describes every parameter and whether it has to be given, and every output", async () => {
  const found: string[] = [];
  for (const path of TEMPLATES) {
    const { parameters = {}, outputs = {} } = await compiled(path);
    for (const [name, { metadata, defaultValue, nullable }] of Object.entries(parameters)) {
      const word = defaultValue === undefined && nullable !== true ? "Required. " : "Optional. ";
      if (metadata?.description?.startsWith(word) !== true) found.push(`${path}: ${name} does not begin with ${word}`);
    }
    for (const [name, { metadata }] of Object.entries(outputs)) {
      if (!metadata?.description) found.push(`${path}: ${name}`);
    }
  }

  expect(found).toEqual([]);
});

itWithBicep()("starts the relay when its rights, its registry, its network and its logs are there", async () => {
  const { resources } = await compiled("relay.bicep");

  const before = waitsFor(resources, "relay");
  const parts = ["identity", "certStore", "ownRegistry", "registryAccess", "imageBuild", "relayNetwork", "workspace"];
  expect(before).toEqual(new Set(parts));
  // The right to pull takes minutes to be known, and so does a build.
  expect(waitsFor(resources, "imageBuild")).toContain("registryAccess");
  expect(waitsFor(resources, "alerts")).toContain("relay");
  expect(waitsFor(resources, "dnsRecord")).toContain("relay");
});

itWithBicep()("touches neither relay nor vault nor network with alertsOnly", async () => {
  const { resources } = await compiled("relay.bicep");

  const untouched = Object.entries(resources).filter(([, { condition = "" }]) => condition.includes("alertsOnly"));
  const others = Object.keys(resources).filter((name) => !untouched.some(([known]) => known === name));
  expect(others.toSorted()).toEqual(["alerts", "workspace"]);
});

type Fault = {
  readonly what: string;
  readonly file: string;
  readonly good: string;
  readonly bad: string;
  readonly said: RegExp;
};

const GROUP = "infra/modules/container-group.bicep";
/** Faults that somebody may make, each of which has to fail a test above or one of the snapshots. */
const FAULTS: readonly Fault[] = [
  { what: "a misspelt property", file: GROUP, good: "restartPolicy:", bad: "restartPolcy:", said: /restartPolcy/ },
  { what: "a property in the wrong case", file: GROUP, good: "osType:", bad: "OsType:", said: /OsType/ },
  {
    what: "text for a number",
    file: GROUP,
    good: "periodSeconds: 30",
    bad: "periodSeconds: '30'",
    said: /periodSeconds/,
  },
  {
    what: "a version that never was",
    file: GROUP,
    good: "@2025-09-01",
    bad: "@2023-09-01",
    said: /does not have types/,
  },
  {
    what: "a wrong word of an open enumeration",
    file: GROUP,
    good: "'Always'",
    bad: "'always'",
    said: /restartPolicy is "always"/,
  },
  { what: "a group without an image", file: GROUP, good: "          image: image\n", bad: "", said: /image/ },
  {
    what: "a variable that the relay refuses",
    file: "infra/sizing.bicep",
    good: "MAX_FRAME_BYTES: '262144'",
    bad: "MAX_FRAME_BYTES: '256k'",
    said: /MAX_FRAME_BYTES/,
  },
  {
    what: "a variable that is no option",
    file: "infra/settings.bicep",
    good: "{ name: 'NODE_ENV'",
    bad: "{ name: 'NODE_ENVIRONMENT'",
    said: /NODE_ENVIRONMENT is no option/,
  },
  {
    what: "an empty variable",
    file: "infra/settings.bicep",
    good: "value: given.environment }",
    bad: "value: '' }",
    said: /NODE_ENV is empty/,
  },
  {
    what: "a variable that is given twice",
    file: "infra/settings.bicep",
    good: "{ name: 'PORT', value: '443' }",
    bad: "{ name: 'PORT', value: '443' }\n    { name: 'port', value: '443' }",
    said: /PORT is given twice/,
  },
];

itWithBicep().each(FAULTS)("finds $what", async ({ file, good, bad, said }) => {
  const copy = new TemplateCopy();
  try {
    copy.plant(file, good, bad);
    const { diagnostics } = await compiler.compile(copy.path("relay.bicep"));
    const ofModule = (await compiler.compile(copy.path(file))).diagnostics;
    const messages = [...diagnostics, ...ofModule].map(({ message }) => message);
    await copy.build(compiler);
    const snapshot = await copy.evaluate(compiler, "").catch((error: Error) => error.message);
    const judged =
      typeof snapshot === "string" ? [snapshot] : [...resourceProblems(snapshot), ...variableProblems(snapshot)];

    expect([...messages, ...judged].join("\n")).toMatch(said);
  } finally {
    copy.remove();
  }
});

itWithBicep()("finds nothing where no fault was planted", async () => {
  const copy = new TemplateCopy();
  await copy.build(compiler);
  const snapshot = await copy.evaluate(compiler, "").finally(() => copy.remove());

  expect([...resourceProblems(snapshot), ...variableProblems(snapshot)]).toEqual([]);
});

async function compiled(path: string): Promise<Template> {
  const { contents } = await compiler.compile(path);
  return JSON.parse(contents ?? "{}") as Template;
}

/** What is there before a module begins: what it waits for, and what that waits for. */
function waitsFor(resources: Template["resources"], name: string): ReadonlySet<string> {
  const found = new Set<string>();
  const queue = [name];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    for (const dependency of resources[next]?.dependsOn ?? []) {
      if (!found.has(dependency)) queue.push(dependency);
      found.add(dependency);
    }
  }
  return found;
}
