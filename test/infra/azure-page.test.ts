import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { runWithStub } from "./az-stub.ts";
import { readBicepFile } from "./bicep-file.ts";

const page = readFileSync("docs/deploy/azure.md", "utf8");
const { scripts } = JSON.parse(readFileSync("package.json", "utf8")) as {
  readonly scripts: Readonly<Record<string, string>>;
};
/** The commands of the page, each on one line. */
const commands = [...page.matchAll(/^```sh\n([\s\S]*?)^```$/gm)]
  .flatMap(([, block = ""]) => block.replace(/\\\n\s*/g, "").split("\n"))
  .filter((line) => line !== "");

it("lists the parameters of relay.bicep in their order, and no other", async () => {
  const { params } = await readBicepFile("relay.bicep");
  const [, section = ""] = page.split("\n## Parameters\n");
  const listed = [...(section.split("\n## ")[0] ?? "").matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name);

  expect(listed).toEqual(params.map(({ name }) => name));
});

it("lists the alerts that there are", () => {
  const alerts = readFileSync("infra/modules/alerts.bicep", "utf8");
  const ids = [
    ...alerts.matchAll(/^ +id: '([\w-]+)'$/gm),
    ...alerts.matchAll(/metricAlerts@.*\n +name: '\$\{name\}-(\w+)'/g),
  ];
  const [, section = ""] = page.split("\n## Alerts\n");
  const listed = [...(section.split("\n## ")[0] ?? "").matchAll(/^\| `([\w-]+)` \|/gm)].map(([, name]) => name);

  expect(ids.length).toBe(5);
  expect(new Set(listed)).toEqual(new Set(ids.map(([, id]) => id)));
});

it("deploys as the seed does", () => {
  const line =
    "az deployment group create --resource-group relay-rg --template-file relay.bicep --parameters environment=prod";

  expect(commands).toContain(line);
  expect(commands).toContain(
    "az deployment group show --resource-group relay-rg --name relay --query properties.outputs.relayUrl.value",
  );
});

it("shows calls of the scripts that the scripts take", async () => {
  const shown = commands.filter((line) => /^npm run azure:(deploy|destroy) /.test(line));

  const runs = await Promise.all(
    shown.map(async (line) => {
      const [, , name = "", , ...args] = wordsOf(line);
      const [, script = ""] = /^node scripts\/(.+)\.ts$/.exec(scripts[name] ?? "") ?? [];
      const { code, output, calls } = await runWithStub(script, [...args, "--dry-run"], {});
      return { line, code, calls: calls.length, isPrinted: output.includes("az account show") };
    }),
  );

  expect(shown.length).toBeGreaterThan(8);
  expect(runs).toEqual(shown.map((line) => ({ line, code: 0, calls: 0, isPrinted: true })));
});

it("adds up its costs", () => {
  const [, section = ""] = page.split("\n## Costs\n");
  const sums = (section.split("\n## ")[0] ?? "").matchAll(/^\| (.+?) \|.*\| \**([\d.]+)\** \|$/gm);
  const rows = [...sums].map(([, part = "", sum]) => ({ part, sum: Number(sum) }));
  const total = rows.findIndex(({ part }) => part.includes("all of the above"));

  expect(total).toBeGreaterThan(3);
  expect(rows.slice(0, total).reduce((all, { sum }) => all + sum, 0)).toBeCloseTo(rows[total]?.sum ?? 0, 1);
});

/** The words of a command as a shell would take them. */
function wordsOf(line: string): readonly string[] {
  return [...line.matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g)].map(([word]) =>
    word.replace(/'([^']*)'|"([^"]*)"/g, (_quoted, single?: string, double?: string) => single ?? double ?? ""),
  );
}
