import { EventEmitter } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { run } from "../../relay/cli/program.ts";
import { problemsOf } from "../deploy/deployed-options.ts";
import { collector } from "../support/relay.ts";

const { scripts } = JSON.parse(readFileSync("package.json", "utf8")) as {
  readonly scripts: Readonly<Record<string, string>>;
};
const pages = ["README.md", "SECURITY.md", "CONTRIBUTING.md", "examples/README.md", ...markdownIn("docs")];

/** Variables of the original systems that some dialects read. */
const OF_ORIGINALS: ReadonlySet<string> = new Set(["STATS_PORT"]);

/** One command that a page shows. */
type Shown = {
  readonly page: string;
  readonly line: string;
  /** `NAME=value` before it. */
  readonly variables: Readonly<Record<string, string>>;
  readonly script: string;
  readonly words: readonly string[];
};

const shown = pages.flatMap((page) => commandsOf(page));

it("shows commands: the tests below read some", () => {
  const seen = new Set(shown.map(({ script }) => script));

  expect(shown.length).toBeGreaterThan(50);
  expect([...seen]).toEqual(expect.arrayContaining(["start", "postern", "postern-client", "bench"]));
});

it("names in pages only npm scripts that there are", () => {
  expect(shown.filter(({ script }) => !(script in scripts)).map(({ page, line }) => `${page}: ${line}`)).toEqual([]);
});

it("starts no relay in pages with the reader's own Node, which may be too old", () => {
  const direct = pages.flatMap((page) => blocksOf(page).filter((line) => /(^|[ "])node relay\/main\.ts/.test(line)));

  expect(direct).toEqual([]);
});

it("gives relays in pages only variables that they take", () => {
  const needs = { DOMAIN: "relay.example.com", EMAIL: "ops@example.com" };
  const ofRelays = shown.filter(({ script }) => script === "start" || script === "postern");

  const problems = ofRelays.flatMap(({ page, variables }) => {
    const given = Object.entries(variables).filter(([name]) => !OF_ORIGINALS.has(name));
    const values = Object.fromEntries(given.map(([name, value]) => [name, value.replaceAll(/["']/g, "")]));
    return problemsOf({ ...needs, ...values }).map((problem) => `${page}: ${problem}`);
  });
  expect(ofRelays.some(({ variables }) => "TLS" in variables)).toBe(true);
  expect(problems).toEqual([]);
});

it("shows in pages only commands and flags that the programs have", async () => {
  const typed = shown.flatMap(({ page, line, script, words }) => {
    if (script === "start") return [{ page, line, path: "serve", flags: flagsOf(words) }];
    if (script !== "postern" && script !== "postern-client") return [];
    const [first = "", second = ""] = words;
    const path = /^(cert|store|token)$/.test(first) ? `${first} ${second}` : first;
    return [{ page, line, path, flags: flagsOf(words) }];
  });
  const helps = new Map<string, string>();
  for (const path of new Set(typed.map((command) => command.path))) helps.set(path, await helpOf(path.split(" ")));

  const unknown = typed.filter(({ path, flags }) => {
    const help = helps.get(path) ?? "";
    return help === "" || flags.some((flag) => !new RegExp(`${flag}\\b(?!-)`).test(help));
  });
  expect([...helps.keys()]).toEqual(expect.arrayContaining(["serve", "cert status", "token new", "join", "send"]));
  expect(unknown.map(({ page, line }) => `${page}: ${line}`)).toEqual([]);
});

/** What `--help` prints for a command; nothing where there is none. */
async function helpOf(path: readonly string[]): Promise<string> {
  const written: string[] = [];
  const signals = new EventEmitter();
  const terminal = { env: {}, stdout: collector(written), stderr: collector([]), signals };
  const exitCode = await run([...path, "--help"], terminal);
  return exitCode === 0 ? written.join("") : "";
}

function flagsOf(words: readonly string[]): readonly string[] {
  return words
    .map((word) => /^--[a-z][a-z-]+/.exec(word)?.[0] ?? "")
    .filter((flag) => flag !== "" && flag !== "--help");
}

/** Every command by npm that a page shows, in blocks and in the middle of a sentence. */
function commandsOf(page: string): readonly Shown[] {
  const inline = [...withoutBlocks(readFileSync(page, "utf8")).matchAll(/`([^`\n]+)`/g)].map(([, code = ""]) => code);
  return [...blocksOf(page), ...inline].flatMap((line) =>
    line
      .split(/\s*(?:&&|\|\|?|;)\s*/)
      .map((part) =>
        /^(?<before>(?:[A-Z_]+=\S+ +)*)(?:npm run (?:--silent )?(?<name>[\w:-]+)|npm (?<short>start|test))(?<rest>.*)$/.exec(
          part,
        ),
      )
      .flatMap((match) => {
        if (match?.groups === undefined) return [];
        const { before = "", name, short, rest = "" } = match.groups;
        const [, words = ""] = /^ -- (.*)$/.exec(rest.split(" #")[0] ?? "") ?? [];
        const variables = Object.fromEntries(
          [...before.matchAll(/([A-Z_]+)=(\S+)/g)].map(([, variable = "", value = ""]) => [variable, value]),
        );
        return [{ page, line, variables, script: name ?? short ?? "", words: words.trim().split(/\s+/) }];
      }),
  );
}

/** The lines of a page's blocks of commands, continued ones joined. */
function blocksOf(page: string): readonly string[] {
  return [...readFileSync(page, "utf8").matchAll(/^ *```sh\n([\s\S]*?)^ *```/gm)].flatMap(([, code = ""]) =>
    code
      .replaceAll(/\\\n\s*/g, "")
      .split("\n")
      .map((line) => line.trim()),
  );
}

function withoutBlocks(text: string): string {
  return text.replaceAll(/^ *```[\s\S]*?^ *```/gm, "");
}

function markdownIn(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".md"))
    .map((path) => join(folder, path));
}
