import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { expect, it } from "vitest";
import { makeStub, runWithStub } from "./az-stub.ts";
import { COMMITTED_SNAPSHOTS, type CommittedSnapshot, readSnapshot, resourcesOf } from "./committed-snapshots.ts";
import type { Resource } from "./compiler.ts";
import { groupOf, variablesOf } from "./judgements.ts";

const page = readFileSync("docs/deploy/azure.md", "utf8");
const { scripts } = JSON.parse(readFileSync("package.json", "utf8")) as {
  readonly scripts: Readonly<Record<string, string>>;
};
/** The commands of the page, each on one line. */
const commands = [...page.matchAll(/^```sh\n([\s\S]*?)^```$/gm)]
  .flatMap(([, block = ""]) => block.replace(/\\\n\s*/g, "").split("\n"))
  .filter((line) => line !== "");

/** A production relay with nothing but its environment, as far as names and costs go: what `network` has too is left out. */
const prod = readSnapshot("prod");
const network = readSnapshot("network");
const test = readSnapshot("test");

it("lists the parameters of relay.bicep in their order, and no other", () => {
  const params = [...readFileSync("relay.bicep", "utf8").matchAll(/^param (\w+) /gm)].map(([, name]) => name);

  expect(params.length).toBeGreaterThan(25);
  expect(firstCells(sectionOf("## Parameters"))).toEqual(params);
});

it("has variables for azd that are named after their parameters, and lists the others, and none that is not read", () => {
  const file = readFileSync("infra/main.bicepparam", "utf8");
  const read = [...file.matchAll(/readEnvironmentVariable\('(POSTERN_\w+)'/g)].map(([, name = ""]) => name);
  const parameters = new Set([...file.matchAll(/^param (\w+) /gm)].map(([, name = ""]) => variableFor(name)));
  const listed = [...sectionOf("## With azd").matchAll(/`(POSTERN_\w+)`/g)].map(([, name = ""]) => name);

  expect(read.length).toBeGreaterThan(20);
  expect(read.filter((name) => !parameters.has(name) && !listed.includes(name))).toEqual([]);
  expect(listed.filter((name) => !read.includes(name))).toEqual([]);
});

it("names the resources that are made, and what each deployment leaves out", () => {
  const rows = rowsOf(sectionOf("## What it makes"));
  const named = rows.flatMap(([, name = ""]) => [...name.matchAll(/`([^`]+)`/g)].map(([, word = ""]) => word));

  // The file of prod has the access log on; without addresses there is no action group.
  const made = namesIn("prod").filter((name) => name !== "postern-prod-refused-connections");
  expect(new Set(named.map(withoutHash))).toEqual(new Set(made));
  expect(new Set(rows.map(([what]) => what))).toEqual(new Set(prod.predictedResources.map(whatItIs)));
  for (const name of ["test", "dev"] as const) {
    const left = namesIn(name).filter((one) => /availability|certificate$/.test(one));
    expect(left).toEqual([]);
  }
});

it("says of the group, the vault and the logs what they are", () => {
  const { resources } = groupOf(prod).properties.containers[0].properties;
  const [workspace] = resourcesOf(network, "Microsoft.OperationalInsights/workspaces");
  const [vault] = resourcesOf(prod, "Microsoft.KeyVault/vaults");
  const [testVault] = resourcesOf(test, "Microsoft.KeyVault/vaults");

  expect(resources.limits).toEqual({ cpu: 1, memoryInGB: 1.5 });
  expect(page).toContain("the relay: 1 processor, 1.5 GB, port 443");
  expect(page).toContain(`logs and events, ${workspace?.properties.workspaceCapping.dailyQuotaGb} GB a day at most`);
  expect(page).toContain(`how long logs are kept: ${workspace?.properties.retentionInDays} |`);
  const days = [testVault, vault].map((one) => one?.properties.softDeleteRetentionInDays);
  expect(page).toContain(`can be brought back for ${days[0]} days, in \`prod\` for ${days[1]}`);
});

it("says of the limits what the relay gets", () => {
  const variables = variablesOf(readSnapshot("dev"));
  const limits = sectionOf("## Parameters").replaceAll("\n", " ");

  for (const name of [
    "MAX_FRAME_BYTES",
    "OUTBOX_HIGH_WATER_BYTES",
    "MAX_OUTBOX_BYTES",
    "MAX_HELD_BYTES",
    "MAX_TOPICS_PER_CONNECTION",
  ]) {
    expect(limits).toContain(`\`${name}\` to ${variables[name]}`);
  }
  expect(limits).toContain(`connections at most: ${variables["MAX_CONNECTIONS"]};`);
  expect(Number(variables["MAX_RSS_BYTES"]) / 1.5e9).toBeCloseTo(0.7, 2);
  expect(limits).toMatch(/about 70 % of `memoryInGB` \(`MAX_RSS_BYTES`\)/);
});

it("has whoever deploys hand out the roles that the templates assign, and no other", () => {
  const roles = rowsOf(sectionOf("### The right to assign roles"));
  const ids = roles.map(([, id = ""]) => id.replaceAll("`", ""));
  const assigned = COMMITTED_SNAPSHOTS.flatMap((name) =>
    resourcesOf(readSnapshot(name), "Microsoft.Authorization/roleAssignments").map(
      ({ properties }) => properties.roleDefinitionId.split("/").at(-1) ?? "",
    ),
  );
  const own = "00000000-0000-0000-0000-00000000000a";
  const allowed = [...page.matchAll(/RoleDefinitionId\] ForAnyOfAnyValues:GuidEquals \{([^}]+)\}/g)];

  expect(new Set(ids)).toEqual(new Set(assigned.filter((id) => id !== own)));
  expect(allowed.map(([, list = ""]) => list.split(", "))).toEqual([ids, ids]);
  for (const [name = ""] of roles.slice(0, 2))
    expect(sectionOf("## Without the right to assign roles")).toContain(name);
});

it("lists the alerts that there are", () => {
  const made = namesIn("everything").map((name) => name.replace("gate-prod-", ""));
  const listed = firstCells(sectionOf("## Alerts"));

  const types = ["Microsoft.Insights/scheduledQueryRules", "Microsoft.Insights/metricAlerts"];
  const alerts = types.flatMap((type) => resourcesOf(readSnapshot("everything"), type).map(({ name }) => name));
  expect(alerts).toHaveLength(5);
  expect(new Set(listed)).toEqual(new Set(alerts.map((name) => name.replace("gate-prod-", ""))));
  expect(made).toEqual(expect.arrayContaining(["availability", "operators"]));
});

it("names what stays and costs where a parameter is taken back", () => {
  const rows = rowsOf(sectionOf("### Switching something off"));
  const named = rows.flatMap(([, names = ""]) => [...names.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name));

  const types = /^Microsoft\.(Insights|OperationalInsights)\//;
  const optional = readSnapshot("everything")
    .predictedResources.filter(({ type }) => types.test(type))
    .map(({ name }) => name.replace("gate-prod-northeurope", "postern-prod-westeurope").replace("gate-", "postern-"));
  expect(new Set(named)).toEqual(new Set(optional));
});

it("counts in its costs what is made", () => {
  const costs = sectionOf("## Costs");
  const count = (type: string): number => resourcesOf(network, type).length;

  expect(count("Microsoft.Insights/scheduledQueryRules")).toBe(2);
  expect(costs).toContain("| alerts on logs, two |");
  expect(count("Microsoft.Insights/metricAlerts")).toBe(2);
  expect(costs).toContain("| alerts on metrics, two |");
  const [webTest] = resourcesOf(network, "Microsoft.Insights/webtests");
  expect(webTest?.properties.Locations).toHaveLength(3);
  // Each place, in 730 hours.
  const asked = (3 * 730 * 3600) / (webTest?.properties.Frequency ?? 1);
  expect(costs).toContain(`certificate test from three places | 0.0006 each, ${asked.toLocaleString("en")} of them`);
  expect(count("Microsoft.Network/publicIPAddresses")).toBe(2);
  expect(costs).toContain("0.005 for each of two addresses");
});

it("deploys as the seed does", () => {
  const line =
    "az deployment group create --resource-group relay-rg --template-file relay.bicep --parameters environment=prod";

  expect(commands).toContain(line);
  // The first command makes its own image: it works while nothing is published.
  expect(commands.slice(0, 3)).toEqual([
    "npm ci",
    "az login",
    "npm run azure:deploy -- --resource-group relay-rg --location westeurope --environment prod",
  ]);
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

it.each(readdirSync("docs/deploy"))("calls az in %s only as the real one takes it", (name) => {
  const az = makeStub({ "group show": "id", "acr show": "id", "identity show": "id", "container show": "id" });
  const text = readFileSync(`docs/deploy/${name}`, "utf8").replace(/\\\n\s*/g, "");
  const lines = [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap(([, block = ""]) => block.split("\n"));

  const refused = lines
    .filter((line) => /^(\w+=\$\()?az /.test(line))
    .flatMap(
      (line) =>
        spawnSync("sh", ["-c", `principal=x; group=x; ${line}`], {
          env: { PATH: `${dirname(az)}:/usr/bin:/bin` },
          encoding: "utf8",
        }).stderr,
    );
  expect(refused.filter((said) => said !== "")).toEqual([]);
});

it("adds up its costs", () => {
  const [, section = ""] = page.split("\n## Costs\n");
  const sums = (section.split("\n## ")[0] ?? "").matchAll(/^\| (.+?) \|.*\| \**([\d.]+)\** \|$/gm);
  const rows = [...sums].map(([, part = "", sum]) => ({ part, sum: Number(sum) }));
  const total = rows.findIndex(({ part }) => part.includes("all of the above"));

  expect(total).toBeGreaterThan(3);
  expect(rows.slice(0, total).reduce((all, { sum }) => all + sum, 0)).toBeCloseTo(rows[total]?.sum ?? 0, 1);
});

/** `POSTERN_MAX_CONNECTIONS` for `maxConnections`. */
function variableFor(parameter: string): string {
  return `POSTERN_${parameter
    .replace(/GB$/, "Gb")
    .replace(/[A-Z]/g, (letter) => `_${letter}`)
    .toUpperCase()}`;
}

/** The words of a command as a shell would take them. */
function wordsOf(line: string): readonly string[] {
  return [...line.matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g)].map(([word]) =>
    word.replace(/'([^']*)'|"([^"]*)"/g, (_quoted, single?: string, double?: string) => single ?? double ?? ""),
  );
}

/** The text below a heading, up to the next one of its level. */
function sectionOf(heading: string): string {
  const [, text = ""] = page.split(`\n${heading}\n`);
  const level = heading.split(" ")[0]?.length ?? 2;
  return text.split(new RegExp(`\\n#{2,${level}} `))[0] ?? "";
}

/** The cells of the tables in a text, row by row, without their headings. */
function rowsOf(text: string): readonly (readonly string[])[] {
  const lines = text.split("\n");
  return lines
    .filter((line, at) => line.startsWith("| ") && !(lines[at + 1] ?? "").startsWith("|---"))
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

/** The words in the first cells of tables whose rows begin with one. */
function firstCells(text: string): readonly string[] {
  return rowsOf(text).map(([first = ""]) => first.replaceAll("`", ""));
}

function withoutHash(name: string): string {
  return name === "<id>" ? name : name.replace(/-(<hash>|[a-z0-9]{13})$/, "-<hash>");
}

/** The names of what a snapshot makes; an id in the place of one that nobody chooses. */
function namesIn(snapshot: CommittedSnapshot): readonly string[] {
  return readSnapshot(snapshot).predictedResources.map(({ name, type }) =>
    type === "Microsoft.Authorization/roleAssignments" ? "<id>" : withoutHash(name),
  );
}

/** What the page calls a resource. */
function whatItIs({ type }: Resource): string {
  const words: Readonly<Record<string, string>> = {
    "Microsoft.ManagedIdentity/userAssignedIdentities": "user-assigned identity",
    "Microsoft.KeyVault/vaults": "key vault",
    "Microsoft.Authorization/roleAssignments": "role assignment",
    "Microsoft.ContainerInstance/containerGroups": "container group",
    "Microsoft.Insights/diagnosticSettings": "diagnostic setting",
    "Microsoft.OperationalInsights/workspaces": "Log Analytics workspace",
    "Microsoft.Insights/scheduledQueryRules": "alerts on logs",
    "Microsoft.Insights/metricAlerts": "alerts on metrics",
    "Microsoft.Insights/webtests": "web test",
    "Microsoft.Insights/components": "Application Insights",
  };
  return words[type] ?? type;
}
