import { writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect } from "vitest";
import { loadConfig } from "../../relay/config/load.ts";
import { memoryBoundBytes } from "../../relay/limits/memory-bound.ts";
import { itWithBicep } from "../support/requires.ts";
import {
  COMMITTED_SNAPSHOTS,
  type CommittedSnapshot,
  readSnapshot,
  resourcesOf,
  SNAPSHOT_FOLDER,
} from "./committed-snapshots.ts";
import { Compiler, type Snapshot } from "./compiler.ts";
import { groupOf, variablesOf } from "./judgements.ts";
import { TemplateCopy } from "./template-copy.ts";

/** What the snapshots are of: a file of parameters, or parameters as such a file has them. */
const SNAPSHOTS: Readonly<Record<CommittedSnapshot, { readonly file: string } | { readonly parameters: string }>> = {
  test: { file: "infra/env/test.bicepparam" },
  dev: { file: "infra/env/dev.bicepparam" },
  prod: { file: "infra/env/prod.bicepparam" },
  main: { file: "infra/main.bicepparam" },
  registry: {
    parameters: `
      param image = 'yourregistry.azurecr.io/postern@sha256:${"5a".repeat(32)}'
      param registry = { name: 'yourregistry', resourceGroup: 'images-rg', permissions: 'repositories' }`,
  },
  source: { parameters: "param source = 'https://github.com/OWNER/postern.git#v0.1.0'" },
  network: {
    parameters: `
      param environment = 'prod'
      param customDomain = 'relay.example.com'
      param dnsZone = { name: 'example.com', resourceGroup: 'dns-rg' }
      param network = { addressPrefix: '10.20.0.0/24', subnetPrefix: '10.20.0.0/26' }`,
  },
  "self-signed": {
    parameters: `
      param environment = 'prod'
      param customDomain = 'relay.example.com'
      param certificateSource = 'self-signed'`,
  },
  everything: {
    parameters: `
      param environment = 'prod'
      param location = 'North Europe'
      param name = 'gate'
      param image = 'yourregistry-a1b2.azurecr.io/postern@sha256:${"5a".repeat(32)}'
      param registry = { name: 'yourregistry', subscriptionId: '00000000-0000-0000-0000-000000000003', resourceGroup: 'images-rg' }
      param customDomain = 'Relay.Example.com.'
      param dnsZone = { name: 'example.com', resourceGroup: 'dns-rg' }
      param acmeEmail = 'ops@example.com'
      param cpu = 2
      param memoryInGB = '3.5'
      param maxConnections = 1000
      param zone = '2'
      param settings = { log_level: 'debug', MAX_OUTBOX_BYTES: '524288' }
      param retentionInDays = 90
      param alertEmails = ['ops@example.com', 'night@example.com']
      param accessLog = 'sample'
      param stunPort = 3478
      param listen = ['wss:8765=pair', ' WS-Anywhere:8080=topic+raw']
      param vaultRole = '00000000-0000-0000-0000-00000000000a'
      param network = { addressPrefix: '10.20.0.0/24', subnetPrefix: '10.20.0.0/26', idleTimeoutInMinutes: 10 }
      param tags = { team: 'edge', application: 'something else' }`,
  },
};

const NETWORK = "param network = { addressPrefix: '10.20.0.0/24', subnetPrefix: '10.20.0.0/26' }";
/** The limits that the template sets. */
const LIMITS = {
  MAX_FRAME_BYTES: "262144",
  OUTBOX_HIGH_WATER_BYTES: "262144",
  MAX_OUTBOX_BYTES: "1048576",
  MAX_HELD_BYTES: "16777216",
  MAX_TOPICS_PER_CONNECTION: "16",
};
const ALERTS = ["scheduledQueryRules", "metricAlerts", "webtests", "components"].map(
  (name) => `Microsoft.Insights/${name}`,
);
const ONLY_ALERTS = new Set([...ALERTS, "Microsoft.OperationalInsights/workspaces"]);
const ONLY_LOGS = new Set(ALERTS.slice(0, 2).concat("Microsoft.OperationalInsights/workspaces"));
const SOURCE = "https://github.com/OWNER/postern.git";
const NO_MONITORING = new Set([
  "Microsoft.ContainerInstance/containerGroups",
  "Microsoft.KeyVault/vaults",
  "Microsoft.ManagedIdentity/userAssignedIdentities",
  "Microsoft.Authorization/roleAssignments",
]);

let compiler: Compiler;
let copy: TemplateCopy;

beforeAll(async () => {
  compiler = new Compiler();
  copy = new TemplateCopy();
  await copy.build(compiler);
});
afterAll(() => {
  compiler.stop();
  copy.remove();
});

itWithBicep().each(COMMITTED_SNAPSHOTS)("makes of %s what its committed snapshot says", async (name) => {
  const made = inOrder(await evaluate(name));

  // After a change that is meant: CONTRIBUTING.md.
  if (process.env["UPDATE_SNAPSHOTS"] === "1") {
    writeFileSync(`${SNAPSHOT_FOLDER}/${name}.json`, JSON.stringify(made, null, 2));
  }
  expect(made).toEqual(readSnapshot(name));
});

itWithBicep()("makes the same when it is deployed again: nothing in it depends on when", async () => {
  const [first, second] = [await evaluate("everything"), await evaluate("everything")];

  expect(inOrder(first)).toEqual(inOrder(second));
});

const CUSTOM = "param customDomain = 'relay.example.com'\n";
const labelled = (region: string): string => `param location = '${region}'\nparam dnsLabel = 'my-relay'`;

/** What is typed, what is looked at, and what comes of it. */
const PUT_RIGHT: readonly (readonly [
  what: string,
  typed: string,
  seen: (made: Snapshot) => unknown,
  expected: unknown,
])[] = [
  ["a domain in upper case with a dot", "param customDomain = ' Relay.Example.COM. '", domainOf, "relay.example.com"],
  ["a zone in upper case", `${CUSTOM}param dnsZone = { name: 'Example.com.' }`, recordOf, "example.com/relay"],
  ["a nested subdomain", zoned("a.b.example.com"), recordOf, "example.com/a.b"],
  ["the top of a zone, with a network", `${zoned("example.com")}\n${NETWORK}`, recordOf, "example.com/@"],
  ["a name in upper case", "param name = 'Postern'", (made) => groupOf(made).name, "postern-test"],
  ["a name of ten letters", "param name = 'abcdefghij'", (made) => String(made.outputs["vaultName"]).length, 24],
  ["a region by its display name", "param location = 'West Europe'", (made) => groupOf(made)["location"], "westeurope"],
  ["a label in upper case", "param dnsLabel = 'My-Relay'", domainOf, "my-relay.westeurope.azurecontainer.io"],
  [
    "a Government region",
    labelled("usgovvirginia"),
    domainOf,
    "my-relay.usgovvirginia.azurecontainer.console.azure.us",
  ],
  ["a Chinese region", labelled("chinanorth3"), domainOf, "my-relay.chinanorth3.azurecontainer.console.azure.cn"],
  ["a registry with its domain", registered("yourregistry.azurecr.io"), serversOf, ["yourregistry.azurecr.io"]],
  ["a source with blanks around it", built(" https://github.com/OWNER/postern.git "), sourceOf, SOURCE],
  ["a commit of a source", built(`${SOURCE}#0a1b2c3`), sourceOf, `${SOURCE}#0a1b2c3`],
  ["a source of Azure DevOps", built("https://dev.azure.com/o/p/_git/postern"), sourceOf, expect.any(String)],
  ["a source in China", `${built(SOURCE)}\nparam location = 'chinanorth3'`, serversOf, [suffixed("azurecr.cn")]],
  [
    "a source in Azure Government",
    `${built(SOURCE)}\nparam location = 'usgovvirginia'`,
    serversOf,
    [suffixed("azurecr.us")],
  ],
  ["a build that others give the right to pull", `${built(SOURCE)}\nparam assignRoles = false`, rolesOf, 0],
  ["alerts alone of what Azure built", `${built(SOURCE)}\nparam alertsOnly = true`, typesOf, ONLY_LOGS],
  ["an address for mail with blanks", "param acmeEmail = ' ops@example.com '", variable("EMAIL"), "ops@example.com"],
  ["the authority in upper case", "param acmeDirectory = 'LetsEncrypt'", variable("ACME_DIRECTORY"), "letsencrypt"],
  ["a setting in lower case", "param settings = { log_level: 'debug' }", variable("LOG_LEVEL"), "debug"],
  ["memory of whole GB", "param memoryInGB = '2'", variable("MAX_RSS_BYTES"), "1400000000"],
  ["another authority", "param acmeDirectory = 'https://ca.example.com/acme'", trusted, false],
  [
    "the address of the authority",
    "param acmeDirectory = 'https://acme-v02.api.letsencrypt.org/directory'",
    trusted,
    true,
  ],
  ["a role assigned by others", `${registered("yourregistry")}\nparam assignRoles = false`, rolesOf, 0],
  ["alerts alone", "param environment = 'prod'\nparam alertsOnly = true", typesOf, ONLY_ALERTS],
  ["no monitoring", "param environment = 'prod'\nparam monitoring = false", typesOf, NO_MONITORING],
  ["a test of another authority's", watched("https://ca.example.com/acme"), testsOf, 1],
  ["prod in Azure Government", "param environment = 'prod'\nparam location = 'usgovvirginia'", testsOf, 0],
];

itWithBicep().each(PUT_RIGHT)("takes %s", async (_what, typed, seen, expected) => {
  expect(seen(await copy.evaluate(compiler, typed))).toEqual(expected);
});

itWithBicep()("brings a vault back, and takes the two steps to a custom domain, through azd's template", async () => {
  const path = copy.path("infra/steps.bicepparam");
  const step = async (parameters: string): Promise<Snapshot> => {
    writeFileSync(
      path,
      `using 'main.bicep'\nparam environmentName = 'x'\nparam location = 'westeurope'\n${parameters}`,
    );
    return compiler.snapshot(path, { location: "westeurope" });
  };

  const first = await step(`${CUSTOM}param certificateSource = 'self-signed'\nparam recoverVault = true\n`);
  const second = await step(CUSTOM);

  expect([variable("TLS")(first), variable("TLS")(second)]).toEqual(["self-signed", "acme"]);
  expect([domainOf(first), domainOf(second)]).toEqual(["relay.example.com", "relay.example.com"]);
  const modes = [first, second].map((made) => resourcesOf(made, "Microsoft.KeyVault/vaults")[0]?.properties);
  expect(modes).toMatchObject([{ createMode: "recover" }, { createMode: "default" }]);
});

itWithBicep()("builds from a source through azd's template too", async () => {
  const path = copy.path("infra/source.bicepparam");
  writeFileSync(
    path,
    `using 'main.bicep'\nparam environmentName = 'x'\nparam location = 'westeurope'\nparam source = '${SOURCE}'\n`,
  );

  const made = await compiler.snapshot(path, { location: "westeurope" });

  expect(sourceOf(made)).toBe(SOURCE);
  expect(serversOf(made)).toEqual([suffixed("azurecr.io")]);
});

itWithBicep()("makes other names in another region, of all that keeps its name when it is deleted", async () => {
  const [here, there] = await Promise.all([
    copy.evaluate(compiler, ""),
    copy.evaluate(compiler, "param location = 'northeurope'"),
  ]);

  expect(kept(here)).toHaveLength(2);
  expect(kept(here).filter((name) => kept(there).includes(name))).toEqual([]);
});

itWithBicep()("judges memory by the arithmetic of the relay", async () => {
  const connections = [1, 300, 700, 3000];
  const bounds = connections.map((maxConnections) => {
    const { config } = loadConfig({ flags: {}, env: { ...LIMITS, MAX_CONNECTIONS: String(maxConnections) } });
    return Math.ceil(memoryBoundBytes(config) / 0.9 / 1e8) / 10;
  });

  const refused = await Promise.all(
    connections.map((count) =>
      copy
        .evaluate(compiler, `param maxConnections = ${count}\nparam memoryInGB = '0.1'`)
        .catch((error: Error) => Number(/write memoryInGB=([\d.]+),/.exec(error.message)?.[1])),
    ),
  );
  expect(refused).toEqual(bounds);
});

/** The outcome of an evaluation. */
async function evaluate(name: CommittedSnapshot): Promise<Snapshot> {
  const of = SNAPSHOTS[name];
  if ("parameters" in of) return copy.evaluate(compiler, of.parameters);
  const resourceGroup = name === "main" ? {} : { resourceGroup: "relay-rg" };
  return compiler.snapshot(copy.path(of.file), { location: "westeurope", ...resourceGroup });
}

/** With resources in the order of their ids, and properties in that of their names: both come in an order of chance. */
function inOrder({ predictedResources, outputs }: Snapshot): Snapshot {
  const byId = predictedResources.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  return sorted({ predictedResources: byId, outputs }) as Snapshot;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, property]) => [name, sorted(property)]));
}

function zoned(domain: string): string {
  return `param customDomain = '${domain}'\nparam dnsZone = { name: 'example.com' }`;
}

function registered(name: string): string {
  const image = `yourregistry.azurecr.io/postern@sha256:${"5a".repeat(32)}`;
  return `param image = '${image}'\nparam registry = { name: '${name}', resourceGroup: 'images-rg' }`;
}

function built(source: string): string {
  return `param source = '${source}'`;
}

function sourceOf(made: Snapshot): unknown {
  return resourcesOf(made, "Microsoft.ContainerRegistry/registries/taskRuns")[0]?.properties.runRequest.sourceLocation;
}

function suffixed(suffix: string): unknown {
  return expect.stringMatching(new RegExp(`^postern[a-z0-9]{13}\\.${suffix.replace(".", "\\.")}$`));
}

function watched(directory: string): string {
  return `param acmeDirectory = '${directory}'\nparam certificateTest = true`;
}

function variable(name: string): (made: Snapshot) => unknown {
  return (made) => variablesOf(made)[name];
}

function domainOf(made: Snapshot): unknown {
  return variablesOf(made)["DOMAIN"];
}

function recordOf({ predictedResources }: Snapshot): unknown {
  return predictedResources.find(({ type }) => type.startsWith("Microsoft.Network/dnsZones/"))?.name;
}

function serversOf(made: Snapshot): unknown {
  return groupOf(made).properties.imageRegistryCredentials.map(({ server }) => server);
}

function rolesOf(made: Snapshot): unknown {
  return resourcesOf(made, "Microsoft.Authorization/roleAssignments").length;
}

function testsOf(made: Snapshot): unknown {
  return resourcesOf(made, "Microsoft.Insights/webtests").length;
}

function trusted({ outputs }: Snapshot): unknown {
  return outputs["isCertificateTrusted"];
}

function typesOf({ predictedResources }: Snapshot): unknown {
  return new Set(predictedResources.map(({ type }) => type));
}

/** The names of what keeps them when it is deleted. */
function kept(made: Snapshot): readonly string[] {
  return ["Microsoft.KeyVault/vaults", "Microsoft.OperationalInsights/workspaces"].flatMap((type) =>
    resourcesOf(made, type).map(({ name }) => name),
  );
}
