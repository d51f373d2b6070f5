import { expect, it } from "vitest";
import { startRelay } from "../support/relay.ts";
import { MUTATION, OWNER, runWithStub } from "./az-stub.ts";

const IMAGE = `registry.example.com/postern@sha256:${"a".repeat(64)}`;
const DEPLOY = [
  "--resource-group",
  "rg",
  "--environment",
  "dev",
  "--location",
  "westeurope",
  "--image",
  IMAGE,
  "--yes",
];

it("deploys: checks login, rights and providers, shows what would change, deploys, waits and tries the relay", async () => {
  const relay = await startRelay();

  const { code, output, calls } = await runWithStub("azure-deploy", DEPLOY, {
    ...OWNER,
    "deployment group create": outputs(relay.url),
  });

  expect(output).toContain("The relay is there: wss://localhost");
  expect(code).toBe(0);
  const order = ["account show", "group show", "role assignment list", "provider list", "keyvault list-deleted"];
  const deployment = ["deployment group what-if", "deployment group create --name relay --resource-group rg"];
  const found = [...order, ...deployment].map((start) => calls.findIndex((call) => call.startsWith(start)));
  expect(found).toEqual(found.toSorted((a, b) => a - b));
  expect(found).not.toContain(-1);
  expect(calls.at(-1)).toMatch(/--template-file \S+\/relay\.bicep --parameters environment=dev location=westeurope/);
  expect(calls.at(-1)).toContain(`image=${IMAGE}`);
  for (const check of ["certificate", "first byte", "join", "exchange", "leave"])
    expect(output).toMatch(new RegExp(`ok +${check}`));
});

it("asks for the same in what-if as in the deployment", async () => {
  const { calls } = await runWithStub(
    "azure-deploy",
    [...DEPLOY, "--custom-domain", "relay.example.com", "--registry", "images"],
    OWNER,
  );

  const [whatIf = "", create = ""] = calls.filter((call) => call.startsWith("deployment group"));
  expect(whatIf.replace("deployment group what-if ", "")).not.toBe("");
  expect(create).toContain(whatIf.replace("deployment group what-if ", ""));
  expect(create).toContain('registry={"name":"images"} customDomain=relay.example.com');
});

it.each([
  ["nobody is logged in", { "account show": { fails: "Please run 'az login'" } }, /Nobody is logged in: az login/],
  [
    "somebody may not assign roles",
    { "role assignment list": ["Contributor"] },
    /lack Role Based Access Control Admin/,
  ],
  ["somebody may only read", { "role assignment list": ["Reader"] }, /lack Contributor and Role Based Access/],
  ["the deployment fails", { "deployment group create": { fails: "DnsNameLabelTaken" } }, /DnsNameLabelTaken/],
])("stops where %s, says why, and deploys nothing more", async (_when, answers, said) => {
  const { code, output, calls } = await runWithStub("azure-deploy", DEPLOY, { ...OWNER, ...answers });

  expect(code).toBe(1);
  expect(output).toMatch(said);
  expect(calls.filter((call) => MUTATION.test(` ${call}`)).length).toBeLessThan(2);
});

it("deploys without the right to assign roles where it is told that somebody else assigns them", async () => {
  const contributor = { ...OWNER, "role assignment list": ["Contributor"] };

  const { calls } = await runWithStub("azure-deploy", [...DEPLOY, "--no-assign-roles"], contributor);

  expect(calls.at(-1)).toMatch(/^deployment group create .* assignRoles=false/);
});

it("makes the group, on the rights on the subscription, and registers providers where that is needed", async () => {
  const { calls } = await runWithStub("azure-deploy", DEPLOY, {
    ...OWNER,
    "group show": { fails: "not found" },
    "provider list": (OWNER["provider list"] as string[]).filter((name) => name !== "Microsoft.KeyVault"),
  });

  expect(calls.find((call) => call.startsWith("role assignment list"))).toContain("--scope /subscriptions/sub-1 ");
  expect(calls).toContain("group create --name rg --location westeurope --tags application=postern --output none");
  expect(calls.filter((call) => call.startsWith("provider register"))).toEqual([
    "provider register --namespace Microsoft.KeyVault --wait",
  ]);
});

it("leaves the environment to the file of parameters that it is given, which names its template", async () => {
  const { calls } = await runWithStub(
    "azure-deploy",
    ["-g", "rg", "--parameters-file", "infra/env/prod.bicepparam", "--parameter", `image=${IMAGE}`, "--yes"],
    OWNER,
  );

  expect(calls.at(-1)).toMatch(/--resource-group rg --parameters infra\/env\/prod\.bicepparam --parameters image=/);
});

it("ends the first of the two steps to a custom domain by naming the record to make", async () => {
  const { code, output } = await runWithStub(
    "azure-deploy",
    [...DEPLOY, "--parameter", "certificateSource=self-signed"],
    {
      ...OWNER,
      "deployment group create": {
        ...outputs("wss://relay.invalid"),
        relayFqdn: { value: "label.hash.westeurope.azurecontainer.io" },
        certificateSource: { value: "self-signed" },
      },
    },
  );

  expect(output).toContain("Make a CNAME record to label.hash.westeurope.azurecontainer.io");
  expect(code).toBe(0);
});

it("asks before it deploys, and takes silence for a no", async () => {
  const { code, output, calls } = await runWithStub("azure-deploy", DEPLOY.slice(0, -1), OWNER);

  expect(code).toBe(1);
  expect(output).toContain("Nothing was deployed.");
  expect(calls.filter((call) => MUTATION.test(` ${call}`))).toEqual([]);
});

it.each([
  ["azure-deploy", [...DEPLOY, "--dry-run"], /^az deployment group create --name relay /m],
  ["azure-destroy", ["--resource-group", "rg", "--purge", "--dry-run"], /^az group delete --name rg --yes$/m],
])("prints every call of %s in a dry run, and makes none", async (script, args, last) => {
  const { code, output, calls } = await runWithStub(script, args, OWNER);

  expect(code).toBe(0);
  expect(calls).toEqual([]);
  expect(output).toMatch(last);
  expect(output).toMatch(/^az account show/m);
});

it("prints in a dry run the calls that it makes otherwise", async () => {
  const nothing = { ...OWNER, "group show": { fails: "not found" }, "provider list": [] };

  const dry = await runWithStub("azure-deploy", [...DEPLOY, "--dry-run"], {});
  const real = await runWithStub("azure-deploy", DEPLOY, nothing);

  expect(dry.output.trim().split("\n").map(verbs)).toEqual(real.calls.map(verbs));
});

/** A call without its options. */
function verbs(line: string): string {
  return line.replace(/^az /, "").replace(/ --.*/, "");
}

/** What a deployment puts out, with a relay on this machine in the place of one in Azure. */
function outputs(url: string): object {
  return { relayUrl: { value: url }, relayFqdn: { value: "localhost" }, relayIp: { value: "127.0.0.1" } };
}
