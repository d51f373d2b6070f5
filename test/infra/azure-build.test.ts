import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { VERSION } from "../../relay/version.ts";
import { MONTHLY_DOLLARS } from "../../scripts/azure/costs.ts";
import { nameFor } from "../../scripts/azure/registry.ts";
import { makeFolder } from "../support/certificate-files.ts";
import { Run } from "../support/process.ts";
import { startRelay } from "../support/relay.ts";
import { type Answers, MUTATION, makeStub, OWNER, runWithStub } from "./az-stub.ts";
import { AZ_TABLE } from "./az-table.ts";

/** Deploying with nothing but a group and an environment, which has Azure build the image. */
const BARE = ["--resource-group", "rg", "--environment", "prod"];
const DEPLOY = [...BARE, "--build", "--yes", "--timeout", "1"];
const DIGEST = `sha256:${"b".repeat(64)}`;
const NAME = nameFor({ subscriptionId: "sub-1", resourceGroup: "rg", environment: "prod" });
const BUILT: Answers = {
  ...OWNER,
  "acr create": { name: NAME, server: `${NAME}.azurecr.io`, mode: "LegacyRegistryPermissions" },
  "acr repository show": DIGEST,
};

it("makes a registry, has Azure build in it, deploys what was built by its digest, tries it, and says cost and undoing", async () => {
  const relay = await startRelay();

  const { code, output, calls } = await runWithStub("azure-deploy", DEPLOY, {
    ...BUILT,
    "deployment group create": outputs(relay.url),
  });

  const made = calls.filter((call) => /^(acr|deployment group create)/.test(call));
  expect(made.map((call) => call.replace(/ --query.*/, ""))).toEqual([
    "acr list --resource-group rg",
    `acr create --resource-group rg --name ${NAME} --sku Basic --role-assignment-mode rbac --tags application=postern environment=prod`,
    expect.stringMatching(
      new RegExp(
        `^acr build --registry ${NAME} --image postern:${VERSION} --platform linux/amd64 --file \\S+/Dockerfile \\S+/$`,
      ),
    ),
    `acr repository show --name ${NAME} --image postern:${VERSION}`,
    expect.stringContaining(`environment=prod image=${NAME}.azurecr.io/postern@${DIGEST} registry={"name":"${NAME}"}`),
  ]);
  expect(output).toContain("The relay is there: wss://localhost");
  expect(output).toContain("It costs about 46 US dollars a month");
  expect(output).toContain("To undo it: npm run azure:destroy -- --resource-group rg --environment prod");
  expect(code).toBe(0);
});

it("builds by itself where nothing was published, and takes what was published where something was", async () => {
  const isPublished = !readFileSync("infra/image.json", "utf8").includes("0".repeat(64));

  const { calls } = await runWithStub("azure-deploy", [...BARE, "--yes", "--timeout", "1"], BUILT);

  expect(calls.some((call) => call.startsWith("acr build"))).toBe(!isPublished);
  expect(calls.at(-1)?.startsWith("deployment group create")).toBe(true);
});

it("builds in the registry that an earlier deployment has made", async () => {
  const { calls } = await runWithStub("azure-deploy", DEPLOY, {
    ...BUILT,
    "acr list": [{ name: "postern0a1b", server: "postern0a1b.azurecr.io", resourceGroup: "rg", mode: null }],
  });

  expect(calls.filter((call) => call.startsWith("acr create"))).toEqual([]);
  expect(calls.at(-1)).toContain(`image=postern0a1b.azurecr.io/postern@${DIGEST} registry={"name":"postern0a1b"}`);
});

it("builds in a registry of somebody's own, by their rights where roles are for its repositories", async () => {
  const abac = {
    name: "ours",
    server: "ours-a1.azurecr.io",
    resourceGroup: "images",
    mode: "AbacRepositoryPermissions",
  };

  const { calls } = await runWithStub("azure-deploy", [...DEPLOY, "--registry", "ours"], {
    ...BUILT,
    "acr show": abac,
  });

  expect(calls.find((call) => call.startsWith("acr build"))).toContain("--source-acr-auth-id [caller]");
  expect(calls.filter((call) => /^acr (create|list)/.test(call))).toEqual([]);
  expect(calls.at(-1)).toContain(`image=ours-a1.azurecr.io/postern@${DIGEST}`);
  expect(calls.at(-1)).toContain('registry={"name":"ours","resourceGroup":"images","permissions":"repositories"}');
});

it("registers the provider of registries where an image is built, and only there", async () => {
  const known = (OWNER["provider list"] as string[]).filter((name) => name !== "Microsoft.ContainerRegistry");
  const answers = { ...BUILT, "provider list": known };
  const image = ["--image", `registry.example.com/postern@sha256:${"a".repeat(64)}`];

  const build = await runWithStub("azure-deploy", DEPLOY, answers);
  const source = await runWithStub(
    "azure-deploy",
    [...BARE, "--yes", "--parameter", "source=https://github.com/o/postern.git"],
    answers,
  );
  const given = await runWithStub("azure-deploy", [...BARE, ...image, "--yes"], answers);

  const registered = "provider register --namespace Microsoft.ContainerRegistry --wait";
  expect([build, source, given].map(({ calls }) => calls.includes(registered))).toEqual([true, true, false]);
  expect(source.calls.filter((call) => call.startsWith("acr"))).toEqual([]);
});

it("asks before it makes a registry, which costs, and takes silence for a no", async () => {
  const { code, output, calls } = await runWithStub("azure-deploy", [...BARE, "--build"], BUILT);

  expect(output).toContain("Make a registry in rg?");
  expect(output).toContain("Nothing was deployed.");
  expect(calls.filter((call) => MUTATION.test(` ${call}`))).toEqual([]);
  expect(code).toBe(1);
});

it("builds nothing for alerts alone", async () => {
  const args = [...BARE, "--yes", "--parameter", "alertsOnly=true"];

  const { calls } = await runWithStub("azure-deploy", args, { ...BUILT, "deployment group create": {} });

  expect(calls.filter((call) => call.startsWith("acr"))).toEqual([]);
});

/** What Azure says to subscriptions on free credits. */
const REFUSED =
  `(TasksOperationsNotAllowed) ACR Tasks requests for the registry ${NAME} and sub-1 are not permitted. ` +
  "Please file an Azure support request at http://aka.ms/azuresupport for assistance.";

it.each([
  ["the script", DEPLOY, "acr build"],
  ["the template", [...BARE, "--yes", "--parameter", "source=https://github.com/o/p.git"], "deployment group create"],
])("tells whom Azure builds nothing for, by %s, how to build and push", async (_which, args, call) => {
  const { code, output } = await runWithStub("azure-deploy", args, { ...BUILT, [call]: { fails: REFUSED } });

  expect(output).toContain("Azure does not build for subscriptions on free credits");
  expect(output).toContain(
    `docker buildx build --platform linux/amd64 --provenance=false --push --tag ${NAME}.azurecr.io/`,
  );
  expect(output).toContain(`npm run azure:deploy -- --resource-group rg --registry ${NAME} --image`);
  expect(code).toBe(1);
});

it.each([
  ["deploy", "azure-deploy", [...BARE, "--build"]],
  ["destroy", "azure-destroy", ["--resource-group", "rg"]],
])(
  "says that there is no Azure CLI where there is none, and not that nobody is logged in: %s",
  async (_, script, args) => {
    const env = { PATH: makeFolder() };
    const real = new Run([`scripts/${script}.ts`, ...args], { env });
    const dry = new Run([`scripts/${script}.ts`, ...args, "--dry-run"], { env });

    expect([await real.exitCode(), await dry.exitCode()]).toEqual([1, 1]);
    expect(real.stderr).toContain("There is no Azure CLI (az) on this machine");
    expect(real.stderr).not.toContain("logged in");
    // The calls all the same, for whoever wants to see them before installing it.
    expect(dry.stdout).toContain("az account show");
    expect(dry.stdout).toContain("# There is no Azure CLI");
  },
);

it.each([
  ["a file that is not there", ["--parameters-file", "no-such.bicepparam"], "There is no file no-such.bicepparam."],
  ["an image beside --build", ["--build", "--image", `a/b@${DIGEST}`], "leave all but one of --image, --build"],
  ["a network without a domain", ["--parameter", "network={}"], "A network wants a name of your own"],
])("refuses in a dry run too: %s", async (_what, args, said) => {
  const { code, output, calls } = await runWithStub("azure-deploy", [...BARE, ...args, "--dry-run"], OWNER);

  expect(output).toContain(said);
  expect([code, calls]).toEqual([1, []]);
});

it("prints in a dry run the calls of a build that it makes otherwise", async () => {
  const nothing = { ...BUILT, "group show": { fails: "not found" }, "provider list": [] };

  const dry = await runWithStub("azure-deploy", [...DEPLOY, "--location", "westeurope", "--dry-run"], {});
  const real = await runWithStub("azure-deploy", [...DEPLOY, "--location", "westeurope"], nothing);

  const printed = dry.output.split("\n").filter((line) => line.startsWith("az "));
  expect(printed.map(verbs)).toEqual(real.calls.map(verbs));
  expect(printed.map(verbs)).toEqual(expect.arrayContaining(["acr create", "acr build", "acr repository show"]));
});

it("takes the registry down with its relay, and what was built in it", async () => {
  const tags = { application: "postern", environment: "prod" };
  const registry = {
    id: `/x/${NAME}`,
    name: NAME,
    type: "Microsoft.ContainerRegistry/registries",
    location: "w",
    tags,
  };
  const run = {
    id: `/x/${NAME}/taskRuns/postern`,
    name: `${NAME}/postern`,
    type: "Microsoft.ContainerRegistry/registries/taskRuns",
    location: "w",
    tags: null,
  };
  const other = { ...registry, id: "/x/other", name: "other", tags: null };

  const alone = await runWithStub("azure-destroy", ["-g", "rg", "--yes"], {
    ...OWNER,
    "resource list": [registry, run],
    "keyvault list": [],
  });
  const shared = await runWithStub("azure-destroy", ["-g", "rg", "-e", "prod", "--yes"], {
    ...OWNER,
    "resource list": [registry, run, other],
    "keyvault list": [],
  });

  expect(alone.calls.at(-1)).toBe("group delete --name rg --yes");
  expect(shared.calls.filter((call) => MUTATION.test(` ${call}`))).toEqual([`resource delete --ids /x/${NAME}`]);
});

it("gives each relay a registry whose name Azure takes", () => {
  const place = { subscriptionId: "s", resourceGroup: "rg", environment: "prod" };

  expect(nameFor(place)).toMatch(/^[a-z0-9]{5,50}$/);
  expect(nameFor(place)).toBe(nameFor({ ...place, resourceGroup: "RG" }));
  expect(nameFor(place)).not.toBe(nameFor({ ...place, environment: "test" }));
});

it("says of the costs what the page says", () => {
  const page = readFileSync("docs/deploy/azure.md", "utf8");
  const rows = [
    /^\| container group.*\| ([\d.]+) \|$/m,
    /^\| \*\*`prod`.*\*\*([\d.]+)\*\* \|$/m,
    /^\| registry.*\| ([\d.]+) \|$/m,
  ];

  const sums = rows.map((row) => Math.round(Number(row.exec(page)?.[1])));
  expect(sums).toEqual([MONTHLY_DOLLARS.group, MONTHLY_DOLLARS.prod, MONTHLY_DOLLARS.registry]);
});

it.each([
  ["account shw", /'account shw' is misspelled or not recognized/],
  ["account show --bogus x", /unrecognized arguments: --bogus/],
  ["ad signed-in-user show --subscription sub-2", /unrecognized arguments: --subscription/],
  ["group delete --name", /argument --name: expected one argument/],
  ["acr create --name x --sku Basic", /required: --resource-group\/-g/],
  ["acr create --name x --resource-group rg --sku Large", /argument --sku: invalid choice: 'Large'/],
  ["acr build --registry x", /required/],
  ["account show subscription", /misspelled|unrecognized/],
])("has a stub that refuses what the Azure CLI refuses: %s", (call, said) => {
  const { status, stderr } = spawnSync(makeStub({ account: {} }), call.split(" "), { encoding: "utf8" });

  expect(stderr).toMatch(said);
  expect(status).toBe(2);
});

it("has a stub whose table names the version of the real CLI, and holds all that the scripts call", () => {
  const sources = ["deploy", "destroy", "image-build", "preflight", "registry"].map((name) =>
    readFileSync(`scripts/azure/${name}.ts`, "utf8"),
  );
  const literals = sources.flatMap((text) => [
    ...text.matchAll(/az\.(?:json|show)(?:<[^>]+>)?\(((?:"[a-z-]+", )*"[a-z-]+")/g),
  ]);
  const called = literals.map(([, words = ""]) => words.replaceAll(/[",]/g, "").replace(/ --.*/, ""));

  expect(AZ_TABLE.azureCli).toMatch(/^\d+\.\d+\.\d+$/);
  expect(called.length).toBeGreaterThan(12);
  expect(called.filter((name) => !(name in AZ_TABLE.commands))).toEqual([]);
});

/** A call without its options. */
function verbs(line: string): string {
  return line.replace(/^az /, "").replace(/ --.*/, "");
}

function outputs(url: string): object {
  return {
    relayUrl: { value: url },
    relayFqdn: { value: "localhost" },
    relayIp: { value: "127.0.0.1" },
    containerGroupName: { value: "postern-prod" },
  };
}
