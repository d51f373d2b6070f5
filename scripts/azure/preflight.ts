import type { Az, Say } from "./az.ts";

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
    throw new NotReady("Nobody is logged in: az login", { cause: error });
  });
  // A service principal, as in a workflow, has no entry of its own in the directory that it could read.
  const isPerson = account === undefined || account.user.type === "user";
  const id = isPerson ? await az.json<string>("ad", "signed-in-user", "show", "--query", "id") : account.user.name;
  if (account !== undefined) say(`Subscription ${account.name} (${account.id}), as ${account.user.name}.`);
  return { subscriptionId: account?.id ?? "<subscription>", assignee: id ?? "<you>" };
}

/** What the rights are checked for. */
export type RightsWanted = { readonly resourceGroup: string; readonly assignsRoles: boolean };

/**
 * Checks that whoever is logged in may deploy, and assign roles where the deployment does.
 * @throws NotReady naming the roles that are missing.
 */
export async function checkRights(az: Az, login: Login, { resourceGroup, assignsRoles }: RightsWanted): Promise<void> {
  const scope = `/subscriptions/${login.subscriptionId}/resourceGroups/${resourceGroup}`;
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

/** Registers the providers that the subscription does not know yet. */
export async function registerProviders(az: Az, say: Say): Promise<void> {
  const query = "[?registrationState=='Registered'].namespace";
  const registered = (await az.json<string[]>("provider", "list", "--query", query)) ?? [];
  const known = new Set(registered.map((name) => name.toLowerCase()));
  for (const provider of PROVIDERS) {
    if (known.has(provider.toLowerCase())) continue;
    if (!az.isDryRun) say(`Registering ${provider}, which takes a minute or two.`);
    await az.show("provider", "register", "--namespace", provider, "--wait");
  }
}

/** Makes the resource group where there is none. */
export async function ensureGroup(az: Az, name: string, location: string | undefined): Promise<void> {
  if (await az.succeeds("group", "show", "--name", name)) return;
  if (location === undefined && !az.isDryRun) {
    throw new NotReady(`There is no resource group ${name}. Say where to make it: --location westeurope`);
  }
  const tags = ["--tags", "application=postern"];
  await az.show("group", "create", "--name", name, "--location", location ?? "<location>", ...tags, "--output", "none");
}

type DeletedVault = { readonly name: string; readonly vaultId: string };

/** The name of a deleted vault of this resource group, whose name would be in the way; undefined where there is none. */
export async function findDeletedVault(az: Az, resourceGroup: string): Promise<string | undefined> {
  const query = "[].{name: name, vaultId: properties.vaultId}";
  const deleted = await az.json<DeletedVault[]>(
    "keyvault",
    "list-deleted",
    "--resource-type",
    "vault",
    "--query",
    query,
  );
  const ours = `/resourcegroups/${resourceGroup.toLowerCase()}/`;
  return deleted?.find(({ vaultId }) => vaultId.toLowerCase().includes(ours))?.name;
}
