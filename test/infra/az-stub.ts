import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { makeFolder } from "../support/certificate-files.ts";
import { Run } from "../support/process.ts";
import { judgingShell } from "./az-table.ts";

/**
 * What the stub answers to calls that begin with these words; the longest wins. `{ fails: "..." }` fails with these words,
 * and `{ inTurn: [...] }` has an answer for each call, the last of them for all further ones.
 */
export type Answers = Readonly<Record<string, unknown>>;

/** What a script did. */
type ScriptRun = {
  readonly code: number | null;
  readonly output: string;
  /** Every call of az, one line each. */
  readonly calls: readonly string[];
};

/**
 * Runs a script with a stub in the place of the Azure CLI, which writes each call down and answers from a list. It refuses
 * commands and options that the real one does not have.
 */
export async function runWithStub(script: string, args: readonly string[], answers: Answers): Promise<ScriptRun> {
  const folder = makeFolder();
  const callsFile = join(folder, "calls");
  writeFileSync(join(folder, "az"), stubFor(answers, callsFile, folder), { mode: 0o755 });
  const run = new Run([`scripts/${script}.ts`, ...args], {
    env: { PATH: `${folder}${delimiter}${process.env["PATH"] ?? ""}` },
  });
  const code = await run.exitCode();
  const lines = existsSync(callsFile) ? readFileSync(callsFile, "utf8").trimEnd().split("\n") : [];
  return { code, output: run.stdout + run.stderr, calls: lines };
}

/** A folder with the stub alone in it, as a script would find it: for calls that no script makes. */
export function makeStub(answers: Answers): string {
  const folder = makeFolder();
  writeFileSync(join(folder, "az"), stubFor(answers, join(folder, "calls"), folder), { mode: 0o755 });
  return join(folder, "az");
}

/** A program for the shell, as that starts faster than anything else. */
function stubFor(answers: Answers, callsFile: string, folder: string): string {
  const cases = Object.keys(answers)
    .toSorted((a, b) => b.length - a.length)
    .map((start, index) => {
      const { inTurn = [answers[start]] } = answers[start] as { readonly inTurn?: readonly unknown[] };
      const turns = inTurn.map((answer, turn) => {
        const { fails } = answer as { readonly fails?: string };
        const file = join(folder, `answer-${index}-${turn}`);
        writeFileSync(file, fails ?? JSON.stringify(answer));
        const pattern = turn === inTurn.length - 1 ? "*" : String(turn + 1);
        return `${pattern}) cat '${file}'${fails === undefined ? "" : " >&2; exit 1"} ;;`;
      });
      return `"${start}"*) case $(grep -c "^${start}" '${callsFile}') in ${turns.join(" ")} esac ;;`;
    });
  return `#!/bin/sh\necho "$*" >>'${callsFile}'\n${judgingShell()}\ncase "$*" in\n${cases.join("\n")}\nesac\n`;
}

/** Calls of these change something. */
export const MUTATION: RegExp = / (build|create|delete|register|set|purge|update)\b/;

/** As Azure writes them: Insights in lower case. */
const PROVIDERS = [
  "Microsoft.ContainerInstance",
  "Microsoft.ContainerRegistry",
  "Microsoft.KeyVault",
  "Microsoft.ManagedIdentity",
  "Microsoft.OperationalInsights",
  "microsoft.insights",
];

/** Answers as of somebody with all rights, in a group that is there. */
export const OWNER: Answers = {
  "account show": { id: "sub-1", name: "Pay as you go", user: { name: "ops@example.com", type: "user" } },
  "ad signed-in-user show": "user-1",
  "role assignment list": ["Owner"],
  "provider list": PROVIDERS,
  "group show": "westeurope",
  "keyvault list-deleted": [],
  "acr list": [],
};
