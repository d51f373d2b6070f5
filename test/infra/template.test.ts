import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { expect, it } from "vitest";
import { parse as parseYaml } from "yaml";
import { loadConfig } from "../../relay/config/load.ts";
import { optionRows } from "../../relay/config/options.ts";
import { memoryBoundBytes } from "../../relay/limits/memory-bound.ts";
import { problemsOf } from "../deploy/deployed-options.ts";
import { makeFolder } from "../support/certificate-files.ts";
import { TEST_TIMEOUT_MS } from "../support/patience.ts";
import { hasBicep } from "../support/requires.ts";
import { type BicepFile, readBicepFile } from "./bicep-file.ts";
import { requiredParams } from "./symbols.ts";

const MODULES = readdirSync("infra/modules").map((name) => `infra/modules/${name}`);
const PARAMETER_FILES = [...readdirSync("infra/env").map((name) => `infra/env/${name}`), "infra/main.bicepparam"];
const relay = await readBicepFile("relay.bicep");
const group = await readBicepFile("infra/modules/container-group.bicep");
const types = readFileSync("infra/types.bicep", "utf8");
const gigabytes = Number(/^param memoryInGB string = '([\d.]+)'$/m.exec(relay.text)?.[1]);

it("deploys with no parameter but the environment: everything else has a default", () => {
  expect(requiredParams(relay)).toEqual([]);
  expect(relay.text).toMatch(/^param environment environmentType = 'test'$/m);
  expect(wordsOf("environmentType")).toEqual(["test", "dev", "prod"]);
});

it("puts out what the seed's template put out, and more", () => {
  const names = relay.outputs.map(({ name }) => name);

  expect(names).toEqual(expect.arrayContaining(["relayUrl", "relayFqdn", "relayIp", "vaultUri", "identityClientId"]));
});

it("gives the relay options that it has, with values that it takes", () => {
  const variables = templateVariables();

  expect(Object.keys(variables)).toEqual(
    expect.arrayContaining(["PORT", "TLS", "DOMAIN", "KEY_VAULT_URL", "AZURE_CLIENT_ID"]),
  );
  expect(problemsOf(variables)).toEqual([]);
  expect(problemsOf({ ...variables, TLS: "self-signed", NODE_ENV: "test", EMAIL: "" })).toEqual([]);
});

it.each([
  ["NODE_ENV", "environmentType"],
  ["TLS", "certificateSourceType"],
  ["ACCESS_LOG", "accessLogType"],
])("lets %s be only what the relay takes", (env, type) => {
  const option = optionRows().find(([, row]) => row.env === env)?.[1];

  const choices: readonly string[] = option?.kind === "choice" ? option.choices : [];
  expect(choices).toEqual(expect.arrayContaining([...wordsOf(type)]));
  expect(wordsOf(type).length).toBeGreaterThan(1);
});

it("knows its own name before it exists, or has a domain of its own", () => {
  expect(relay.text).toContain("var dnsNameLabelScope = hasCustomDomain ? 'TenantReuse' : 'Unsecure'");
  expect(relay.text).toContain("var assignedFqdn = '${dnsLabel}.${regionName}.azurecontainer.io'");
  expect(relay.text).toContain("uniqueString(resourceGroup().id, name, environment)}'");
  expect(relay.text).toContain("{ name: 'DOMAIN', value: domain }");
});

it("bounds the relay's memory by what its group has, unless settings say otherwise", () => {
  const limits = templateVariables();

  const { config } = loadConfig({ flags: {}, env: limits });
  // Of GB, not GiB: Azure does not say which it means.
  expect(memoryBoundBytes(config) / (gigabytes * 1e9)).toBeLessThan(0.9);
  expect(config.maxRssBytes / (gigabytes * 1e9)).toBeCloseTo(0.7, 1);
  const larger = loadConfig({ flags: {}, env: { ...limits, MAX_CONNECTIONS: "1000" } }).config;
  expect(relay.text).toContain("1000 want 3.5 GB");
  expect(memoryBoundBytes(larger) / 3.5e9).toBeLessThan(0.9);
  expect(relay.text).toContain("filter(limitVariables, limit => !contains(settings, limit.name))");
});

it("wants a domain of one's own for a network, and says so", () => {
  expect(relay.text).toMatch(/var networkParts = network == null \|\| hasCustomDomain\s+\? deploymentName\s+: fail\('/);
  for (const name of ["relayNetwork", "loadBalancer"]) {
    expect(relay.modules.find((module) => module.name === name)?.node.text).toContain("name: networkParts");
  }
});

it("names what outlives a relay so that it is not in the way of the next one", () => {
  expect(relay.text).toContain("name: '${name}-${uniqueString(resourceGroup().id, name, environment, regionName)}'");
  const access = readFileSync("infra/modules/registry-access.bicep", "utf8");
  expect(access).toContain("name: guid(registry.id, principalId, acrPullRoleId)");
});

it("adds a relay to the load balancer by its subnet and a name", () => {
  const balancer = readFileSync("infra/modules/load-balancer.bicep", "utf8");

  const [address = ""] = /loadBalancerBackendAddresses: \[[\s\S]*?\n +\]/.exec(balancer) ?? [];
  expect(address).toMatch(
    /name: 'relay-\$\{index\}'[\s\S]*ipAddress: relayAddress[\s\S]*subnet: \{\s+id: subnetId\s+\}/,
  );
});

it("orders from Let's Encrypt's staging unless it is prod", () => {
  expect(relay.text).toContain(
    "param acmeDirectory string = environment == 'prod' ? 'letsencrypt' : 'letsencrypt-staging'",
  );
});

it("assigns the roles that it needs and no other, before the relay starts", () => {
  const ids = MODULES.flatMap(
    (path) => readFileSync(path, "utf8").match(/'[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}'/g) ?? [],
  );

  // Key Vault Secrets Officer, AcrPull.
  expect(ids).toEqual(["'b86a8fe4-44ce-4948-aee5-eccb2c155cd7'", "'7f951dda-4ed3-4680-a7ca-43fe172d538d'"]);
  // A module that reads outputs of another waits for all of it.
  const container = relay.modules.find(({ target }) => target.endsWith("container-group.bicep"))?.node.text ?? "";
  expect(container).toContain("certStore.outputs.vaultUri");
  expect(container).toContain("registryAccess!.outputs.loginServer");
  for (const path of ["infra/modules/cert-store.bicep", "infra/modules/registry-access.bicep"]) {
    expect(readFileSync(path, "utf8")).toContain("principalType: 'ServicePrincipal'");
  }
});

it("protects the vault of prod from being purged, and never says false to that", () => {
  const vault = readFileSync("infra/modules/cert-store.bicep", "utf8");

  expect(vault).toContain("enablePurgeProtection: environment == 'prod' ? true : null");
  expect(vault).toContain("enableRbacAuthorization: true");
  expect(vault).not.toContain("Microsoft.KeyVault/vaults/secrets");
});

it("has container groups of the API version that has what it uses, probed by a script that the image has", () => {
  const { include } = JSON.parse(readFileSync("tsconfig.build.json", "utf8")) as {
    readonly include: readonly string[];
  };

  expect(group.resources.map(({ target }) => target)).toContain(
    "Microsoft.ContainerInstance/containerGroups@2025-09-01",
  );
  const [, script = ""] = /'\/app\/dist\/(.+)\.js'/.exec(group.text) ?? [];
  expect(include).toContain(`${script}.ts`);
  expect(group.text.includes("httpGet: {")).toBe(false);
  expect(group.text.match(/command: probe/g)).toHaveLength(2);
});

it("has no secret in any template", () => {
  const secret = /listKeys\(|\b(workspaceKey|password|storageAccountKey|sharedKey|secret|token)\w*:/i;
  const found = ["relay.bicep", "infra/main.bicep", ...MODULES, ...PARAMETER_FILES].filter((path) =>
    secret.test(readFileSync(path, "utf8")),
  );
  expect(found).toEqual([]);
  expect(relay.params.find(({ name }) => name === "secretSettings")?.decorators).toContain("@secure()");
  expect(relay.text.match(/secureValue/g)).toHaveLength(1);
});

it("names an image by digest", () => {
  const { image } = JSON.parse(readFileSync("infra/image.json", "utf8")) as { readonly image: string };

  expect(image).toMatch(/^[a-z0-9.-]+\/[a-z0-9./-]+@sha256:[0-9a-f]{64}$/);
  expect(relay.text).toContain("param image string = loadJsonContent('infra/image.json').image");
});

it("alerts on log events that the relay has", () => {
  const alerts = readFileSync("infra/modules/alerts.bicep", "utf8");
  const events = [...alerts.matchAll(/event\.msg == "([^"]+)"/g)].map(([, event = ""]) => event);
  const table = readFileSync("docs/operations.md", "utf8");

  // `refuse` comes with the access log.
  const hasAccessLog = optionRows().some(([, { env }]) => env === "ACCESS_LOG");
  const expected = events.filter((event) => event !== "refuse" || hasAccessLog);
  expect(events).toEqual(["listening", "certificate attempt failed: what is served stays", "refuse"]);
  expect(expected.filter((event) => !table.includes(`\`${event}\``))).toEqual([]);
  for (const metric of ["CpuUsage"]) expect(alerts).toContain(`metricName: '${metric}'`);
  expect(alerts).toContain("SSLCertRemainingLifetimeCheck: certificateDaysLeft");
  // A relay that ends before it listens writes no line: Azure's own events count its starts.
  expect(alerts).toMatch(/union isfuzzy=true \(\$\{startLines\}\), \(\$\{startEvents\}\)/);
  expect(alerts).toMatch(
    /var startEvents = 'ContainerEvent \| .* Reason == "Started" \| summarize found = sum\(Count\)'/,
  );
  expect(alerts).toMatch(/metricMeasureColumn: 'found'\n +timeAggregation: 'Total'/);
  expect(alerts.match(/ query: '.*'$/gm)?.filter((query) => !query.includes("summarize found = "))).toEqual([]);
});

it("has every rule of the linter as an error, but for the one that time alone breaks", () => {
  const { analyzers } = JSON.parse(readFileSync("bicepconfig.json", "utf8")) as {
    readonly analyzers: { readonly core: { readonly rules: Readonly<Record<string, { readonly level: string }>> } };
  };

  const rules = Object.entries(analyzers.core.rules);
  expect(rules.length).toBeGreaterThan(40);
  expect(rules.filter(([, { level }]) => level !== "error")).toEqual([
    ["use-recent-api-versions", { level: "off", maxAgeInDays: 730 }],
  ]);
});

it.each(PARAMETER_FILES)("has in %s parameters that its template takes, and all that it wants", async (path) => {
  const text = readFileSync(path, "utf8");
  const [, using = ""] = /^using '(.+)'$/m.exec(text) ?? [];
  const template: BicepFile = await readBicepFile(normalize(join(dirname(path), using)));
  const given = [...text.matchAll(/^param (\w+) =/gm)].map(([, name]) => name);

  const known = new Set(template.params.map(({ name }) => name));
  expect(given.filter((name) => !known.has(name ?? ""))).toEqual([]);
  expect(requiredParams(template).filter((name) => !given.includes(name))).toEqual([]);
  expect(new Set(given).size).toBe(given.length);
  const environment = /^infra\/env\/(\w+)\./.exec(path)?.[1];
  if (environment !== undefined) expect(text).toContain(`param environment = '${environment}'`);
});

it("has azd provision a template of the subscription", () => {
  const { infra } = parseYaml(readFileSync("azure.yaml", "utf8")) as {
    readonly infra: Readonly<Record<string, string>>;
  };

  const template = readFileSync(`${infra["path"]}/${infra["module"]}.bicep`, "utf8");
  expect(infra["provider"]).toBe("bicep");
  expect(template).toContain("targetScope = 'subscription'");
  expect(existsSync(`${infra["path"]}/${infra["module"]}.bicepparam`)).toBe(true);
});

if (hasBicep()) {
  it("is taken by the compiler and its linter without a word", { timeout: 8 * TEST_TIMEOUT_MS }, () => {
    const folder = makeFolder();
    for (const path of ["relay.bicep", "infra/main.bicep"]) {
      execFileSync("bicep", ["build", path, "--outfile", join(folder, "template.json")], { stdio: "pipe" });
      // Warnings are on another stream and exit with 0: a report has them all.
      const { stdout, stderr } = spawnSync("bicep", ["lint", path, "--diagnostics-format", "sarif"], {
        encoding: "utf8",
      });
      const [report = "no report"] = /\{[\s\S]*\}/.exec(stdout + stderr) ?? [];
      const { runs } = JSON.parse(report) as { readonly runs: readonly { readonly results: readonly unknown[] }[] };
      expect(runs.flatMap(({ results }) => results)).toEqual([]);
    }
    for (const path of PARAMETER_FILES) {
      execFileSync("bicep", ["build-params", path, "--outfile", join(folder, "parameters.json")], { stdio: "pipe" });
    }
  });
}

/** The words of a union in infra/types.bicep. */
function wordsOf(type: string): readonly string[] {
  const [, union = ""] = new RegExp(`^type ${type} = (.+)$`, "m").exec(types) ?? [];
  return [...union.matchAll(/'([^']+)'/g)].map(([, word = ""]) => word);
}

/** What the template gives to the relay in prod, with its parameters and outputs filled in. */
function templateVariables(): Readonly<Record<string, string>> {
  const values: Readonly<Record<string, string>> = {
    environment: "prod",
    certificateSource: "acme",
    domain: "postern-prod-abc.westeurope.azurecontainer.io",
    acmeEmail: "ops@example.com",
    acmeDirectory: "letsencrypt",
    accessLog: "sample",
    "string(maxConnections)": /^param maxConnections int = (\d+)$/m.exec(relay.text)?.[1] ?? "",
    "string(maxRssBytes)": String(
      gigabytes * 10 * Number(/^var maxRssBytes = memoryTenths \* (\d+)$/m.exec(relay.text)?.[1]),
    ),
    "certStore.outputs.vaultUri": "https://postern-abc.vault.azure.net/",
    "identity.outputs.clientId": "00000000-0000-0000-0000-000000000000",
  };
  const given = relay.text.matchAll(/\{ name: '(\w+)', value: (.+?) \}/g);
  return Object.fromEntries(
    [...given].map(([, name = "", value = ""]) => {
      const text = /^'(.*)'$/.exec(value)?.[1] ?? values[value];
      if (text === undefined) throw new Error(`${name} has the value ${value}, which this test does not know`);
      return [name, text];
    }),
  );
}
