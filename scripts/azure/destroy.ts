import { type Az, AzError, hasCli, type Say } from "./az.ts";
import { checkLogin } from "./preflight.ts";

/** What to take down. */
export type DestroyOptions = {
  readonly resourceGroup: string;
  readonly subscription?: string;
  /** Only the relay of this environment, where several are in the group. */
  readonly environment?: string;
  readonly yes?: boolean;
  /** Purge the vault too, where it may be purged. */
  readonly purge?: boolean;
};

/** What taking down needs beside its options. */
export type DestroyParts = {
  readonly az: Az;
  readonly say: Say;
  readonly confirm: (question: string, word: string) => Promise<boolean>;
};

type Resource = {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly location: string;
  readonly tags: Readonly<Record<string, string>> | null;
};

type Vault = { readonly name: string; readonly location: string; readonly isProtected: boolean | null };

/**
 * Takes a relay down, after the name of the group was typed. A group that holds nothing else goes as a whole; in a shared
 * one only what carries the tags of the templates, and what Azure itself has made for it.
 * @returns whether all of it was done; true after a dry run.
 */
export async function destroy(options: DestroyOptions, { az, say, confirm }: DestroyParts): Promise<boolean> {
  const { resourceGroup, environment } = options;
  await checkLogin(az, say);
  const inGroup = ["--resource-group", resourceGroup];
  const all = await az.json<Resource[]>("resource", "list", ...inGroup);
  const ours = oursOf(all ?? [], environment);
  const tagged = `tags.application=='postern'${environment === undefined ? "" : ` && tags.environment=='${environment}'`}`;
  const vaultQuery = `[?${tagged}].{name: name, location: location, isProtected: properties.enablePurgeProtection}`;
  const vaults = await az.json<Vault[]>("keyvault", "list", ...inGroup, "--query", vaultQuery);
  if (!az.isDryRun && ours.length === 0) {
    say(`There is no relay${environment === undefined ? "" : ` of ${environment}`} in ${resourceGroup}.`);
    return false;
  }
  const isShared = all !== undefined && all.length > ours.length;
  for (const { name, type } of ours) say(`- ${name} (${type})`);
  if (isShared) say(`${all.length - ours.length} other resources are in the group: they stay, and so does the group.`);
  for (const vault of vaults ?? []) warnOf(vault, say);
  const workspaces = ours.filter(({ type }) => type.toLowerCase() === "microsoft.operationalinsights/workspaces");
  if (options.purge !== true) for (const { name } of workspaces) say(keepsLogs(name));
  for (const record of new Set(ours.flatMap(({ tags }) => tags?.["dns-record"] ?? []))) say(leadsNowhere(record));
  const environments = new Set(ours.flatMap(({ tags }) => tags?.["environment"] ?? []));
  const relays = environments.size === 0 ? "the relay" : `the relay of ${[...environments].join(" and of ")}`;
  const question = `This deletes ${isShared ? `the above, ${relays}` : `the group ${resourceGroup}, all of it, with ${relays}`}.`;
  if (!az.isDryRun && options.yes !== true && !(await confirm(question, resourceGroup))) {
    say("Nothing was deleted.");
    return false;
  }
  if (options.purge === true) await purgeWorkspaces(az, az.isDryRun ? undefined : workspaces, inGroup);
  if (isShared) {
    const parents = ours.map(({ id }) => `${id.toLowerCase()}/`);
    const whole = ours.filter((one) => !isPartOf(one, parents));
    const left = options.purge === true ? whole.filter((one) => !workspaces.includes(one)) : whole;
    if (!(await removeEach(az, left, say))) return false;
  } else {
    await az.show("group", "delete", "--name", resourceGroup, "--yes");
  }
  if (az.isDryRun) {
    say("# or, in a group that others use, for each resource of the relay:");
    await az.show("resource", "delete", "--ids", "<id>");
  }
  if (options.purge === true) await purge(az, vaults, say);
  return !az.isDryRun || hasCli(az, say);
}

/** Of all resources of a group those of its relay: the tagged ones, and the untagged ones that Azure makes beside them. */
function oursOf(all: readonly Resource[], environment: string | undefined): readonly Resource[] {
  const isOf = ({ type }: Resource, wanted: string): boolean => type.toLowerCase() === wanted;
  const isTagged = ({ tags }: Resource): boolean =>
    tags?.["application"] === "postern" && (environment === undefined || tags["environment"] === environment);
  const components = all.filter((one) => isOf(one, "microsoft.insights/components"));
  // Azure makes one of these for each component, and the other for all of a group.
  const ourComponents = components.filter(isTagged);
  const detectors = new Set(ourComponents.map(({ name }) => `failure anomalies - ${name}`.toLowerCase()));
  const areComponentsOurs = components.length > 0 && components.length === ourComponents.length;
  const isOfAzure = (one: Resource): boolean =>
    (isOf(one, "microsoft.alertsmanagement/smartdetectoralertrules") && detectors.has(one.name.toLowerCase())) ||
    (isOf(one, "microsoft.insights/actiongroups") &&
      one.name === "Application Insights Smart Detection" &&
      areComponentsOurs);
  const own = all.filter((one) => isTagged(one) || isOfAzure(one));
  // What a registry has built is a part of it that has no tags.
  const parents = own.map(({ id }) => `${id.toLowerCase()}/`);
  return all.filter((one) => own.includes(one) || isPartOf(one, parents));
}

/** Whether a resource is inside one of those whose ids begin so: it goes with that. */
function isPartOf({ id }: Resource, parents: readonly string[]): boolean {
  return parents.some((parent) => id.toLowerCase().startsWith(parent));
}

function warnOf({ name, isProtected }: Vault, say: Say): void {
  say(
    isProtected === true
      ? `The vault ${name} stays, deleted, for its 90 days and cannot be purged: its name is taken until then. The next deployment of its environment into this group and region recovers it.`
      : `The vault ${name} stays, deleted, for its 7 days: its name is taken until then, unless it is purged (--purge). The next deployment of its environment into this group and region recovers it.`,
  );
}

function keepsLogs(workspace: string): string {
  return `The workspace ${workspace} stays, deleted, for 14 days: until then the next deployment of its environment into this group and region has its old logs again, unless it is purged (--purge).`;
}

/** The record is in a zone of others, and may lead to another relay by now: whoever knows deletes it. */
function leadsNowhere(record: string): string {
  return `The DNS record stays, and whoever gets its address or name next gets your clients. Unless it leads elsewhere by now, delete it first: az resource delete --ids ${record} --api-version 2018-05-01`;
}

/** What uses others goes first: an address or a subnet in use cannot be deleted. */
const ORDER = ["containerGroups", "loadBalancers", "virtualNetworks", "natGateways"];

/**
 * Deletes one after the other, and goes on where that fails. What is left is tried once more: Azure lets go of a subnet
 * minutes after its container group.
 * @returns whether all are gone; what is left is said.
 */
async function removeEach(az: Az, resources: readonly Resource[], say: Say): Promise<boolean> {
  const rank = ({ type }: Resource): number => {
    const place = ORDER.findIndex((name) => type.endsWith(name));
    return place === -1 ? ORDER.length : place;
  };
  const failed = await tryEach(
    az,
    resources.toSorted((a, b) => rank(a) - rank(b)),
    say,
  );
  const left = await tryEach(az, failed, say);
  for (const { name, type } of left) say(`Still there: ${name} (${type})`);
  if (left.length > 0) say("Run this again later; the vault is not purged.");
  return left.length === 0;
}

/** @returns those that could not be deleted. */
async function tryEach(az: Az, resources: readonly Resource[], say: Say): Promise<readonly Resource[]> {
  const failed: Resource[] = [];
  for (const resource of resources) {
    await az.show("resource", "delete", "--ids", resource.id).catch((error: unknown) => {
      if (!(error instanceof AzError)) throw error;
      say(error.message);
      failed.push(resource);
    });
  }
  return failed;
}

/** A workspace that was deleted cannot be purged any more: it is now or in 14 days. */
async function purgeWorkspaces(
  az: Az,
  workspaces: readonly Resource[] | undefined,
  inGroup: readonly string[],
): Promise<void> {
  for (const { name } of workspaces ?? [{ name: "<workspace>" }]) {
    const call = ["monitor", "log-analytics", "workspace", "delete", ...inGroup, "--workspace-name", name];
    await az.show(...call, "--force", "true", "--yes");
  }
}

async function purge(az: Az, vaults: readonly Vault[] | undefined, say: Say): Promise<void> {
  for (const { name, location, isProtected } of vaults ?? [
    { name: "<vault>", location: "<location>", isProtected: null },
  ]) {
    if (isProtected === true) say(`${name} is protected: nobody can purge it.`);
    else await az.show("keyvault", "purge", "--name", name, "--location", location);
  }
}
