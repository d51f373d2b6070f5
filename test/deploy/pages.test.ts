import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { problemsOf } from "./deployed-options.ts";

const FOLDER = "docs/deploy";
const pages = readdirSync(FOLDER).filter((name) => name !== "README.md" && name !== "azure.md");
const { scripts } = JSON.parse(readFileSync("package.json", "utf8")) as { readonly scripts: object };

/** Variables in commands that are for other programs than the relay. */
const OF_OTHERS: ReadonlySet<string> = new Set(["DOCKER_BUILDKIT", "KEY_VAULT_URL"]);

it("leads from the first page to every other, and from each says what was run and what was not", () => {
  const [, ...rows] = read("README.md")
    .split("\n")
    .filter((line) => /^\| .*\]\((\w+)\.md\)/.test(line));

  const linked = readdirSync(FOLDER).filter((name) => name !== "README.md" && read("README.md").includes(`](${name})`));
  expect(linked).toEqual(readdirSync(FOLDER).filter((name) => name !== "README.md"));
  expect(rows.length).toBeGreaterThan(6);
  expect(pages.filter((page) => !/not run|nothing here\s+was\s+run|Not run/.test(read(page)))).toEqual([]);
});

it.each(pages)("names in %s only files, npm scripts and options that there are", (page) => {
  const text = read(page);

  const files = [...text.matchAll(/(?<![\w/.])(?:infra|scripts)\/[\w./-]*\w/g)].map(([path]) => path);
  const npmScripts = [...text.matchAll(/npm run ([\w:]+)/g)].map(([, name]) => name ?? "");
  const variables = [...commandsOf(text).matchAll(/(?<=[\s"'.])([A-Z][A-Z_]+)=([^\s"'$`),]+)/g)]
    .map(([, name = "", value = ""]) => [name, value] as const)
    .filter(([name]) => !OF_OTHERS.has(name));
  expect(files.filter((path) => !existsSync(path))).toEqual([]);
  expect(npmScripts.filter((name) => !(name in scripts))).toEqual([]);
  // Each alone: a page shows several set-ups.
  const needs = { DOMAIN: "relay.example.com", EMAIL: "ops@example.com" };
  expect(variables.flatMap(([name, value]) => problemsOf({ ...needs, [name]: value }))).toEqual([]);
});

it("sets in kubernetes.md only values that the chart has", () => {
  const values = parse(readFileSync("infra/helm/postern/values.yaml", "utf8")) as Readonly<Record<string, unknown>>;
  const set = [...read("kubernetes.md").matchAll(/--set ([^\s`]+)/g)].flatMap(([, pairs = ""]) =>
    pairs.split(",").map((pair) => pair.split("=")[0] ?? ""),
  );

  const unknown = set.filter((path) => !path.startsWith("options.") && at(values, path) === undefined);
  expect(set.length).toBeGreaterThan(9);
  expect(unknown).toEqual([]);
});

function read(page: string): string {
  return readFileSync(join(FOLDER, page), "utf8");
}

/** The insides of a page's blocks of commands. */
function commandsOf(text: string): string {
  return [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, code = ""]) => ` ${code}`).join("\n");
}

function at(value: unknown, path: string): unknown {
  return path.split(".").reduce((map, name) => (map as Readonly<Record<string, unknown>> | undefined)?.[name], value);
}
