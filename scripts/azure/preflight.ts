import { type Az, AzError, type Say } from "./az.ts";
import type { GivenParameters } from "./given-parameters.ts";

/** The providers that the templates use. A subscription knows them after a registration. */
const PROVIDERS = [
  "Microsoft.ContainerInstance",
  "Microsoft.KeyVault",
  "Microsoft.ManagedIdentity",
  "Microsoft.OperationalInsights",
  "Microsoft.Insights",
] as const;

/** Either of these may assign roles, beside Owner. */
const ROLE_ASSIGNERS = ["User Access Administrator", "Role Based Access Control Administrator"];

/** Who is logged in, and to which subscription. */
export type Login = { readonly subscriptionId: string; readonly assignee: string };

type Account = {
  readonly id: string;
  readonly name: string;
  readonly user: { readonly name: string; readonly type: string };
};

/** A reason to stop before anything is changed, with what to do about it. */
export class NotReady extends Error {}

/** Finds out who is logged in. In a dry run both are placeholders. */
export async function checkLogin(az: Az, say: Say): Promise<Login> {
  const account = await az.json<Account>("account", "show").catch((error: unknown) => {
    if (!(error instanceof AzError)) throw error;
    throw new NotReady("Nobody is logged in: az login", { cause: error });
  });
  // A service principal, as in a workflow, has no entry of its own in the directory that it could read.
  const isPerson = account === undefined || account.user.type === "user";
  const id = isPerson ? await az.json<string>("ad", "signed-in-user", "show", "--query", "id") : account.user.name;
  if (account !== undefined) say(`Subscription ${account.name} (${account.id}), as ${account.user.name}.`);
  return { subscriptionId: account?.id ?? "<subscription>", assignee: id ?? "<you>" };
}

/** What the rights are checked for. */
export type RightsWanted = {
  readonly resourceGroup: string;
  /** Whether the group is there. For one that is still to be made, rights on the subscription count. */
  readonly isThere: boolean;
  readonly assignsRoles: boolean;
};

/**
 * Checks that whoever is logged in may deploy, and assign roles where the deployment does.
 * @throws NotReady naming the roles that are missing.
 */
export async function checkRights(az: Az, login: Login, wanted: RightsWanted): Promise<void> {
  const { resourceGroup, isThere, assignsRoles } = wanted;
  const scope = `/subscriptions/${login.subscriptionId}${isThere ? `/resourceGroups/${resourceGroup}` : ""}`;
  const where = ["--assignee", login.assignee, "--scope", scope, "--include-inherited", "--include-groups"];
  const roles = await az.json<string[]>("role", "assignment", "list", ...where, "--query", "[].roleDefinitionName");
  if (roles === undefined || roles.includes("Owner")) return;
  const missing = [
    ...(roles.includes("Contributor") ? [] : ["Contributor"]),
    ...(assignsRoles && !ROLE_ASSIGNERS.some((role) => roles.includes(role)) ? [ROLE_ASSIGNERS[1] ?? ""] : []),
  ];
  if (missing.length === 0) return;
  throw new NotReady(
    `You lack ${missing.join(" and ")} on ${scope}. Have them assigned; or deploy with --no-assign-roles and have the role ` +
      "of the relay assigned by somebody else; or, with a role of your own making, leave this check out: --skip-rights-check",
  );
}

/** What a deployment makes beside what every one makes. */
export type Beside = {
  readonly hasNetwork: boolean;
  /** Whether an image is built in Azure. */
  readonly hasBuild: boolean;
};

/**
 * Registers the providers that the subscription does not know yet, those of networks and registries where there is one.
 * @throws NotReady naming the right that is missing.
 */
export async function registerProviders(az: Az, say: Say, { hasNetwork, hasBuild }: Beside): Promise<void> {
  const query = "[?registrationState=='Registered'].namespace";
  const list = az.json<string[]>("provider", "list", "--query", query);
  const registered = (await list.catch(advise("Have Reader on the subscription assigned."))) ?? [];
  const known = new Set(registered.map((name) => name.toLowerCase()));
  const beside = [...(hasNetwork ? ["Microsoft.Network"] : []), ...(hasBuild ? ["Microsoft.ContainerRegistry"] : [])];
  for (const provider of [...PROVIDERS, ...beside]) {
    if (known.has(provider.toLowerCase())) continue;
    if (!az.isDryRun) say(`Registering ${provider}, which takes a minute or two.`);
    const call = ["provider", "register", "--namespace", provider, "--wait"];
    await az.show(...call).catch(advise(`Have a Contributor of the subscription run: az ${call.join(" ")}`));
  }
}

/** The region of a resource group; undefined where there is no such group, and in a dry run. */
export async function findGroup(az: Az, name: string): Promise<string | undefined> {
  return az.json<string>("group", "show", "--name", name, "--query", "location").catch((error: unknown) => {
    if (error instanceof AzError) return undefined;
    throw error;
  });
}

/** Makes a resource group. */
export async function makeGroup(az: Az, name: string, location: string | undefined): Promise<void> {
  if (location === undefined && !az.isDryRun) {
    throw new NotReady(`There is no resource group ${name}. Say where to make it: --location westeurope`);
  }
  const tags = ["--tags", "application=postern"];
  await az.show("group", "create", "--name", name, "--location", location ?? "<location>", ...tags, "--output", "none");
}

/** What the name of a vault is made from. */
export type VaultSought = {
  readonly resourceGroup: string;
  readonly groupLocation: string | undefined;
  readonly given: GivenParameters;
};

type DeletedVault = {
  readonly name: string;
  readonly vaultId: string;
  readonly location: string;
  readonly tags: Readonly<Record<string, string>> | null;
};

/**
 * The name of the deleted vault that is in the way of this deployment: of its group, name, environment and region, as that
 * of another one cannot be recovered in its place. Undefined where there is none.
 * @throws NotReady naming the right that is missing.
 */
export async function findDeletedVault(az: Az, sought: VaultSought): Promise<string | undefined> {
  const query = "[].{name: name, vaultId: properties.vaultId, location: properties.location, tags: properties.tags}";
  const list = az.json<DeletedVault[]>("keyvault", "list-deleted", "--resource-type", "vault", "--query", query);
  const deleted = (await list.catch(advise("Have Reader on the subscription assigned."))) ?? [];
  const group = `/resourcegroups/${sought.resourceGroup.toLowerCase()}/`;
  const ours = deleted.filter(
    ({ vaultId, tags }) => vaultId.toLowerCase().includes(group) && tags?.["application"] === "postern",
  );
  if (ours.length === 0) return undefined;
  const environment = sought.given.text("environment") ?? "test";
  const region = sought.given.text("location") ?? sought.groupLocation;
  const prefix = `${sought.given.text("name") ?? "postern"}-`;
  return ours.find(
    ({ name, location, tags }) =>
      name.startsWith(prefix) &&
      tags?.["environment"] === environment &&
      regionOf(location) === regionOf(region ?? location),
  )?.name;
}

/** `West Europe` and `westeurope` are the same. */
function regionOf(location: string): string {
  return location.replaceAll(" ", "").toLowerCase();
}

/** Adds to what the Azure CLI said what to do about it. */
function advise(what: string): (error: unknown) => never {
  return (error) => {
    if (error instanceof AzError) throw new NotReady(`${error.message}\n${what}`, { cause: error });
    throw error;
  };
}
