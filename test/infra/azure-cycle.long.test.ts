import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { adviceOn } from "../../scripts/azure/advice.ts";
import { makeFolder } from "../support/certificate-files.ts";
import { type Answers, OWNER, runWithStub } from "./az-stub.ts";

/** Deploying, taking down and deploying again, with the answers of Azure that come in between. */
const IMAGE = ["--image", `yourregistry.azurecr.io/postern@sha256:${"a".repeat(64)}`];
const DEPLOY = ["-g", "rg", "-e", "prod", ...IMAGE, "--yes", "--timeout", "1"];
const NETWORK = 'network={"addressPrefix":"10.20.0.0/24","subnetPrefix":"10.20.0.0/26"}';
const DELETED = {
  name: "postern-0a1b2c3d4e5f6",
  vaultId: "/subscriptions/s/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/postern-0a1b2c3d4e5f6",
  location: "westeurope",
  tags: { application: "postern", environment: "prod" },
};
const OUTPUTS = {
  relayUrl: { value: "wss://relay.invalid" },
  relayFqdn: { value: "relay.invalid" },
  relayIp: { value: "192.0.2.1" },
};
const DONE: Answers = { ...OWNER, "deployment group create": OUTPUTS };
const AFTER_DESTROY: Answers = { ...DONE, "keyvault list-deleted": [DELETED] };

it("brings the vault back once where the registry lets the relay in at the second attempt", async () => {
  const { calls } = await runWithStub("azure-deploy", [...DEPLOY, "--registry", "yourregistry"], {
    ...AFTER_DESTROY,
    "deployment group create": { inTurn: [{ fails: "InaccessibleImage" }, OUTPUTS] },
  });

  const creations = creationsIn(calls);
  expect(creations.map((call) => call.includes("recoverVault=true"))).toEqual([true, false]);
});

it.each([
  ["parameters.bicepparam", "param environment = 'prod'\nparam recoverVault = true\n"],
  ["parameters.json", JSON.stringify({ parameters: { recoverVault: { value: true } } })],
])("leaves recoverVault out where %s still has it and the vault is there", async (name, text) => {
  const file = join(makeFolder(), name);
  writeFileSync(file, text);

  const { calls, output } = await runWithStub("azure-deploy", [...DEPLOY, "--parameters-file", file], DONE);

  expect(output).toContain("There is no deleted vault of this relay: recoverVault is left out");
  expect(creationsIn(calls)).toEqual([expect.stringContaining("recoverVault=false")]);
});

it("asks for the same when it deploys once more", async () => {
  const first = await runWithStub("azure-deploy", DEPLOY, DONE);
  const second = await runWithStub("azure-deploy", DEPLOY, DONE);

  expect(second.calls).toEqual(first.calls);
});

it("leaves a deleted vault alone where it deploys into another region, whose vault has another name", async () => {
  const { calls } = await runWithStub("azure-deploy", [...DEPLOY, "--location", "northeurope"], AFTER_DESTROY);

  expect(creationsIn(calls).join()).not.toContain("recoverVault");
});

it.each([
  ["AbacRepositoryPermissions", '{"name":"yourregistry","resourceGroup":"images-rg","permissions":"repositories"}'],
  ["LegacyRegistryPermissions", '{"name":"yourregistry","resourceGroup":"images-rg"}'],
])("finds out where the registry is and who may pull from it: %s", async (mode, expected) => {
  const { calls } = await runWithStub("azure-deploy", [...DEPLOY, "--registry", "yourregistry"], {
    ...DONE,
    "acr show": { resourceGroup: "images-rg", mode },
  });

  expect(creationsIn(calls).join()).toContain(`registry=${expected}`);
});

it("names the registry alone where it may not be looked up", async () => {
  const { calls } = await runWithStub("azure-deploy", [...DEPLOY, "--registry", "yourregistry"], {
    ...DONE,
    "acr show": { fails: "AuthorizationFailed" },
  });

  expect(creationsIn(calls).join()).toContain('registry={"name":"yourregistry"}');
});

it("registers the provider of networks where there is one, and only there", async () => {
  const own = [...DEPLOY, "--custom-domain", "relay.example.com", "--parameter", NETWORK];

  const [without, withOne] = [
    await runWithStub("azure-deploy", DEPLOY, DONE),
    await runWithStub("azure-deploy", own, DONE),
  ];

  const registered = "provider register --namespace Microsoft.Network --wait";
  expect([without.calls.includes(registered), withOne.calls.includes(registered)]).toEqual([false, true]);
});

it("deploys alerts alone without waiting for the relay, which does not restart", async () => {
  const { code, output } = await runWithStub("azure-deploy", [...DEPLOY, "--parameter", "alertsOnly=true"], DONE);

  expect(output).toContain("the relay was left as it is");
  expect(output).not.toContain("/ready");
  expect(code).toBe(0);
});

const CNAME_IN_THE_WAY =
  '{"code":"Conflict","message":"The A record could not be created because another record with the same name already exists in this zone."}';

it.each([
  ["SoftDeletedVaultDoesNotExist: A soft deleted vault with the given name does not exist.", "recoverVault=false"],
  ["ConflictError: A vault with the same name already exists in deleted state.", "recoverVault=true, once"],
  ["VaultAlreadyExists: The vault name is already in use.", "recoverVault=true, once"],
  [CNAME_IN_THE_WAY, "az network dns record-set cname delete"],
  ["DnsNameLabelNotAvailable: The DNS name label 'postern-x' not available in region.", "dnsLabel=ANOTHER-NAME"],
  [
    "InvalidResourceLocation: The resource 'postern-prod-identity' already exists in location 'westeurope'.",
    "azure:destroy",
  ],
  ["InvalidContainerGroupUpdate: The updates on container group 'postern-prod' are invalid.", "az container delete"],
  ["ResourceNotFound: Microsoft.ContainerInstance/containerGroups/postern-prod was not found.", "without it first"],
])("says what to do about %s", async (said, advice) => {
  const { code, output } = await runWithStub("azure-deploy", DEPLOY, {
    ...OWNER,
    "deployment group create": { fails: said },
  });

  expect(output).toContain(said.slice(0, 40));
  expect(output).toContain(advice);
  expect(code).toBe(1);
});

it("leaves what it knows no advice on in Azure's words", () => {
  expect(adviceOn("QuotaExceeded", { resourceGroup: "rg" })).toBeUndefined();
});

const PROD = { application: "postern", environment: "prod" };
const RECORD = "/subscriptions/s/resourceGroups/dns-rg/providers/Microsoft.Network/dnsZones/example.com/CNAME/relay";
const RELAY = {
  id: "/x/postern-prod",
  name: "postern-prod",
  type: "Microsoft.ContainerInstance/containerGroups",
  location: "westeurope",
  tags: { ...PROD, "dns-record": RECORD },
};
const WORKSPACE = {
  ...RELAY,
  id: "/x/logs",
  name: "postern-prod-westeurope-logs",
  type: "Microsoft.OperationalInsights/workspaces",
  tags: PROD,
};
const THERE: Answers = { ...OWNER, "resource list": [RELAY, WORKSPACE], "keyvault list": [] };

it("names what stays when it is taken down, before it asks: the DNS record and the logs", async () => {
  const { output, calls } = await runWithStub("azure-destroy", ["-g", "rg", "--yes"], THERE);

  expect(output).toContain(`delete it first: az resource delete --ids ${RECORD} --api-version 2018-05-01`);
  expect(output).toContain("The workspace postern-prod-westeurope-logs stays, deleted, for 14 days");
  expect(calls.at(-1)).toBe("group delete --name rg --yes");
  // Where it leads by now, this does not know.
  expect(calls.join("\n")).not.toContain("dnsZones");
});

it.each([
  ["a group of its own", THERE, "group delete --name rg --yes"],
  [
    "a shared group",
    { ...THERE, "resource list": [RELAY, WORKSPACE, { ...RELAY, id: "/x/o", tags: null }] },
    "resource delete --ids /x/postern-prod",
  ],
])("purges the logs before they are deleted, in %s", async (_where, answers, last) => {
  const { output, calls } = await runWithStub("azure-destroy", ["-g", "rg", "--yes", "--purge"], answers);

  const purged =
    "monitor log-analytics workspace delete --resource-group rg --workspace-name postern-prod-westeurope-logs --force true --yes";
  expect(calls.slice(-2)).toEqual([purged, last]);
  expect(output).not.toContain("for 14 days");
});

function creationsIn(calls: readonly string[]): readonly string[] {
  return calls.filter((call) => call.startsWith("deployment group create"));
}
