import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { leadsHere } from "../../scripts/azure/leads-here.ts";
import { makeFolder } from "../support/certificate-files.ts";
import { startRelay } from "../support/relay.ts";
import { OWNER, runWithStub } from "./az-stub.ts";

const IMAGE = ["--image", `registry.example.com/postern@sha256:${"a".repeat(64)}`];
const DEPLOY = ["-g", "rg", "-e", "dev", ...IMAGE, "--yes"];

const DELETED = {
  name: "postern-0a1b2c3d4e5f6",
  vaultId: "/subscriptions/s/resourceGroups/RG/providers/Microsoft.KeyVault/vaults/postern-0a1b2c3d4e5f6",
  location: "West Europe",
  tags: { application: "postern", environment: "dev" },
};

it.each([
  ["its vault", DEPLOY, DELETED, true],
  ["the vault of another environment", DEPLOY, { ...DELETED, tags: { ...DELETED.tags, environment: "test" } }, false],
  ["a vault of something else", DEPLOY, { ...DELETED, tags: null }, false],
  ["the vault of another region", DEPLOY, { ...DELETED, location: "northeurope" }, false],
  ["the vault of another group", DEPLOY, { ...DELETED, vaultId: DELETED.vaultId.replace("RG", "rg-2") }, false],
  ["the vault of another name", [...DEPLOY, "--parameter", "name=gate"], DELETED, false],
  [
    "its vault in a region of its own",
    [...DEPLOY, "--location", "northeurope"],
    { ...DELETED, location: "northeurope" },
    true,
  ],
])("where %s was deleted: recovers it, if it is this one's", async (_which, args, deleted, isRecovered) => {
  const { calls } = await runWithStub("azure-deploy", args, { ...OWNER, "keyvault list-deleted": [deleted] });

  expect(calls.at(-1)).toMatch(/^deployment group create/);
  expect(calls.at(-1)?.includes("recoverVault=true")).toBe(isRecovered);
});

it.each([
  ["parameters.bicepparam", "prod", "eastus", "param environment = 'prod'\nparam location = 'eastus'\n"],
  ["parameters.json", "prod", "westeurope", JSON.stringify({ parameters: { environment: { value: "prod" } } })],
  ["parameters.bicepparam", "test", "westeurope", "using 'relay.bicep'\n"],
])("reads in %s which vault is this one's: %s in %s", async (name, environment, location, text) => {
  const file = join(makeFolder(), name);
  writeFileSync(file, text);

  const { calls } = await runWithStub("azure-deploy", ["-g", "rg", "--parameters-file", file, ...IMAGE, "--yes"], {
    ...OWNER,
    "keyvault list-deleted": [DELETED, { ...DELETED, location, tags: { application: "postern", environment } }],
  });

  expect(calls.at(-1)).toContain("recoverVault=true");
});

it.each([
  ["parameters.bicepparam", "param environment = readEnvironmentVariable('WHAT')\n"],
  ["parameters.json", '{ "parameters": { "environment": { "value": "prod" } } } // of clients'],
])("asks for what is no plain text in %s, where a deleted vault could be this one's", async (name, text) => {
  const file = join(makeFolder(), name);
  writeFileSync(file, text);

  const { code, output } = await runWithStub(
    "azure-deploy",
    ["-g", "rg", "--parameters-file", file, ...IMAGE, "--yes"],
    {
      ...OWNER,
      "keyvault list-deleted": [DELETED],
    },
  );

  expect(output).toContain("has no plain text for environment: say it, with --parameter environment=...");
  expect(code).toBe(1);
});

it.each([["keyvault list-deleted"], ["provider list"]])(
  "says which right is missing where %s is refused",
  async (call) => {
    const answers = { ...OWNER, [call]: { fails: "AuthorizationFailed" } };

    const { code, output } = await runWithStub("azure-deploy", DEPLOY, answers);

    expect(output).toMatch(/AuthorizationFailed[\s\S]*Have Reader on the subscription assigned/);
    expect(code).toBe(1);
  },
);

it("refuses a network without a name of one's own, before it asks Azure", async () => {
  const network = ["--parameter", 'network={"addressPrefix":"10.20.0.0/24","subnetPrefix":"10.20.0.0/26"}'];

  const without = await runWithStub("azure-deploy", [...DEPLOY, ...network], OWNER);
  const withOne = await runWithStub("azure-deploy", [...DEPLOY, ...network, "--custom-domain", "a.example.com"], OWNER);

  expect(without.output).toContain("A network wants a name of your own: --custom-domain");
  expect([without.code, without.calls]).toEqual([1, []]);
  expect(withOne.calls.at(-1)).toMatch(/^deployment group create/);
});

it("turns the refusal to change a group that exists into what to do", async () => {
  const said =
    "InvalidContainerGroupUpdate: The updates on container group 'postern-dev' are invalid. If you are going to update the " +
    "os type, restart policy, network profile, CPU, memory or GPU resources, you must delete it first.";

  const { code, output } = await runWithStub("azure-deploy", DEPLOY, {
    ...OWNER,
    "deployment group create": { fails: said },
  });

  expect(output).toContain("az container delete --resource-group rg --name postern-dev");
  expect(code).toBe(1);
});

it("deploys once more where a registry of one's own does not let the relay in yet, and only there", async () => {
  const answers = {
    ...OWNER,
    "deployment group create": { inTurn: [{ fails: "InaccessibleImage" }, outputs("relay.invalid")] },
  };

  const own = await runWithStub("azure-deploy", [...DEPLOY, "--registry", "images", "--timeout", "1"], answers);
  const published = await runWithStub("azure-deploy", DEPLOY, answers);

  expect([creationsIn(own.calls), creationsIn(published.calls)]).toEqual([2, 1]);
  expect(own.output).toContain("Deployed. Clients dial wss://relay.invalid");
  expect(published.output).toContain("InaccessibleImage");
});

it("waits for Azure's own name, which leads nowhere at first", async () => {
  const answers = { ...OWNER, "deployment group create": outputs("relay.invalid") };

  const { code, output } = await runWithStub("azure-deploy", [...DEPLOY, "--timeout", "1"], answers);

  expect(output).toMatch(/\/ready: (?!ready)\S.*\nNot ready after 1 s\./);
  expect(code).toBe(1);
});

it.each([
  [
    "192.0.2.1",
    /localhost leads to .*127\.0\.0\.1.*, not to this relay\. Make a CNAME record to label\.invalid; then/,
    1,
  ],
  ["127.0.0.1", /The relay is there: wss:\/\/localhost/, 0],
])("tries a custom domain only where it leads to this relay, at %s", async (ip, said, expected) => {
  const relay = await startRelay();
  const answers = {
    ...OWNER,
    "deployment group create": { ...outputs("label.invalid", relay.url), relayIp: { value: ip } },
  };

  const { code, output } = await runWithStub("azure-deploy", DEPLOY, answers);

  expect(output).toMatch(said);
  expect(code).toBe(expected);
});

it("waits until a record that the deployment has made is seen, and for no other", async () => {
  const seen: readonly string[][] = [[], ["192.0.2.9"], ["192.0.2.1"]];
  let asked = 0;
  const options = {
    name: "relay.example.com",
    relay: { fqdn: "", ip: "192.0.2.1" },
    pollMs: 1,
    addressesOf: async () => seen[asked++] ?? [],
  };

  const waited = await leadsHere({ ...options, timeoutMs: 60_000 });
  asked = 1;
  const once = await leadsHere({ ...options, timeoutMs: 0 });

  expect(waited).toEqual({ isHere: true, addresses: ["192.0.2.1"] });
  expect(once).toEqual({ isHere: false, addresses: ["192.0.2.9"] });
});

it("names the subscription in every call, and changes nobody's default", async () => {
  const { calls } = await runWithStub("azure-deploy", [...DEPLOY, "--subscription", "sub-2"], OWNER);

  expect(calls.length).toBeGreaterThan(5);
  // The directory has no subscriptions, and the CLI refuses to be told one there.
  expect(calls.filter((call) => !call.includes("--subscription sub-2"))).toEqual([
    "ad signed-in-user show --query id --output json",
  ]);
  expect(calls.filter((call) => call.startsWith("account set"))).toEqual([]);
});

/** What a deployment puts out for a relay with this name of Azure's, which clients dial unless there is another URL. */
function outputs(fqdn: string, url = `wss://${fqdn}`): object {
  return { relayUrl: { value: url }, relayFqdn: { value: fqdn }, relayIp: { value: "192.0.2.1" } };
}

function creationsIn(calls: readonly string[]): number {
  return calls.filter((call) => call.startsWith("deployment group create")).length;
}
