import { expect, it } from "vitest";
import { MUTATION, OWNER, runWithStub } from "./az-stub.ts";

const OURS = { id: "/x/cg", name: "cg", type: "Microsoft.ContainerInstance/containerGroups", location: "westeurope" };
const RELAY = { ...OURS, tags: { application: "postern" } };
const VAULT = { name: "postern-x", location: "westeurope", isProtected: false };

it("destroys the group where it holds nothing else, and warns of the vault", async () => {
  const { code, output, calls } = await runWithStub("azure-destroy", ["-g", "rg", "--yes", "--purge"], {
    ...OWNER,
    "resource list": [RELAY],
    "keyvault list": [VAULT],
  });

  expect(code).toBe(0);
  expect(output).toMatch(/The vault postern-x stays, deleted, for its 7 days/);
  expect(calls.slice(-2)).toEqual([
    "group delete --name rg --yes",
    "keyvault purge --name postern-x --location westeurope",
  ]);
});

it("leaves in a shared group what is not the relay's", async () => {
  const { calls } = await runWithStub("azure-destroy", ["-g", "rg", "--yes", "--purge"], {
    ...OWNER,
    "resource list": [
      { ...RELAY, id: "/x/vnet", type: "Microsoft.Network/virtualNetworks" },
      RELAY,
      { ...OURS, id: "/x/other", tags: null },
    ],
    "keyvault list": [{ ...VAULT, isProtected: true }],
  });

  expect(calls.filter((call) => MUTATION.test(` ${call}`))).toEqual([
    "resource delete --ids /x/cg",
    "resource delete --ids /x/vnet",
  ]);
});

it("asks before it destroys, and takes silence for a no", async () => {
  const { code, calls } = await runWithStub("azure-destroy", ["-g", "rg"], { ...OWNER, "resource list": [RELAY] });

  expect(code).toBe(1);
  expect(calls.filter((call) => MUTATION.test(` ${call}`))).toEqual([]);
});

const PROD = { application: "postern", environment: "prod" };
const TEST = { application: "postern", environment: "test" };

it("takes what Azure makes beside a relay for a part of it", async () => {
  const component = { ...OURS, name: "postern-prod-availability", type: "Microsoft.Insights/components", tags: PROD };
  const detector = "Failure Anomalies - postern-prod-availability";
  const { calls } = await runWithStub("azure-destroy", ["-g", "rg", "--yes"], {
    ...OWNER,
    "resource list": [
      component,
      { ...OURS, name: detector, type: "microsoft.alertsmanagement/smartDetectorAlertRules", tags: null },
      { ...OURS, name: "Application Insights Smart Detection", type: "microsoft.insights/actiongroups", tags: null },
    ],
    "keyvault list": [],
  });

  expect(calls.at(-1)).toBe("group delete --name rg --yes");
});

it("leaves what Azure has made for the components of others", async () => {
  const type = "Microsoft.Insights/components";
  const { calls } = await runWithStub("azure-destroy", ["-g", "rg", "--yes"], {
    ...OWNER,
    "resource list": [
      { ...OURS, id: "/x/ours", name: "ours", type, tags: PROD },
      { ...OURS, id: "/x/theirs", name: "theirs", type, tags: null },
      {
        ...OURS,
        id: "/x/group",
        name: "Application Insights Smart Detection",
        type: "microsoft.insights/actiongroups",
      },
      {
        ...OURS,
        id: "/x/rule",
        name: "Failure Anomalies - theirs",
        type: "microsoft.alertsmanagement/smartDetectorAlertRules",
      },
    ],
    "keyvault list": [],
  });

  expect(calls.filter((call) => MUTATION.test(` ${call}`))).toEqual(["resource delete --ids /x/ours"]);
});

it("takes one of two relays down, and says which", async () => {
  const answers = {
    ...OWNER,
    "resource list": [
      { ...OURS, id: "/x/prod", tags: PROD },
      { ...OURS, id: "/x/test", tags: TEST },
    ],
    "keyvault list": [],
  };

  const one = await runWithStub("azure-destroy", ["-g", "rg", "--environment", "test", "--yes"], answers);
  const asked = await runWithStub("azure-destroy", ["-g", "rg", "--environment", "test"], answers);
  const both = await runWithStub("azure-destroy", ["-g", "rg"], answers);

  expect(one.calls.filter((call) => MUTATION.test(` ${call}`))).toEqual(["resource delete --ids /x/test"]);
  expect(one.calls.find((call) => call.startsWith("keyvault list"))).toContain("tags.environment=='test'");
  expect(asked.output).toContain("This deletes the above, the relay of test.");
  expect(both.output).toContain("This deletes the group rg, all of it, with the relay of prod and of test.");
});

it.each([
  ["goes on where a part cannot be deleted yet, and tries it once more", { inTurn: [{ fails: "InUse" }, {}] }, 0],
  ["says what is left where a part cannot be deleted, and purges nothing", { fails: "InUse" }, 1],
])("%s", async (_title, answer, expected) => {
  const { code, output, calls } = await runWithStub("azure-destroy", ["-g", "rg", "--yes", "--purge"], {
    ...OWNER,
    "resource list": [
      { ...OURS, id: "/x/vnet", name: "net", type: "Microsoft.Network/virtualNetworks", tags: PROD },
      { ...OURS, id: "/x/ip", type: "Microsoft.Network/publicIPAddresses", tags: PROD },
      { ...OURS, id: "/x/other", tags: null },
    ],
    "keyvault list": [VAULT],
    "resource delete --ids /x/vnet": answer,
  });

  const [first, second, third, purge] = calls.filter((call) => MUTATION.test(` ${call}`));
  expect([first, second, third]).toEqual(["vnet", "ip", "vnet"].map((name) => `resource delete --ids /x/${name}`));
  expect(code).toBe(expected);
  expect(purge).toBe(expected === 0 ? "keyvault purge --name postern-x --location westeurope" : undefined);
  expect(output.includes("Still there: net (Microsoft.Network/virtualNetworks)")).toBe(expected === 1);
});

it("names the subscription in every call, and changes nobody's default", async () => {
  const { code, calls } = await runWithStub("azure-destroy", ["-g", "rg", "--yes", "--subscription", "sub-2"], {
    ...OWNER,
    "resource list": [{ ...RELAY, tags: PROD }],
    "keyvault list": [],
  });

  expect(code).toBe(0);
  // The directory has no subscriptions, and the CLI refuses to be told one there.
  expect(calls.filter((call) => !call.includes("--subscription sub-2"))).toEqual([
    "ad signed-in-user show --query id --output json",
  ]);
  expect(calls.filter((call) => call.startsWith("account set"))).toEqual([]);
});
