import type { Az, Say } from "./az.ts";
import { checkLogin } from "./preflight.ts";

/** What to take down. */
export type DestroyOptions = {
  readonly resourceGroup: string;
  readonly subscription?: string;
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
 * one only what carries the tag of the templates.
 * @returns whether it was done; true after a dry run.
 */
export async function destroy(options: DestroyOptions, { az, say, confirm }: DestroyParts): Promise<boolean> {
  const { resourceGroup } = options;
  if (options.subscription !== undefined) await az.show("account", "set", "--subscription", options.subscription);
  await checkLogin(az, say);
  const inGroup = ["--resource-group", resourceGroup];
  const all = await az.json<Resource[]>("resource", "list", ...inGroup);
  const ours = all?.filter(({ tags }) => tags?.["application"] === "postern") ?? [];
  const vaultQuery =
    "[?tags.application=='postern'].{name: name, location: location, isProtected: properties.enablePurgeProtection}";
  const vaults = await az.json<Vault[]>("keyvault", "list", ...inGroup, "--query", vaultQuery);
  if (!az.isDryRun && ours.length === 0) {
    say(`There is no relay in ${resourceGroup}.`);
    return false;
  }
  const isShared = all !== undefined && all.length > ours.length;
  for (const { name, type } of ours) say(`- ${name} (${type})`);
  if (isShared) say(`${all.length - ours.length} other resources are in the group: they stay, and so does the group.`);
  for (const vault of vaults ?? []) warnOf(vault, say);
  const question = `This deletes ${isShared ? "the above" : `the group ${resourceGroup}, all of it`}.`;
  if (!az.isDryRun && options.yes !== true && !(await confirm(question, resourceGroup))) {
    say("Nothing was deleted.");
    return false;
  }
  await remove(az, resourceGroup, isShared ? ours : undefined);
  if (az.isDryRun) {
    say("# or, in a group that others use, for each resource of the relay:");
    await az.show("resource", "delete", "--ids", "<id>");
  }
  if (options.purge === true) await purge(az, vaults, say);
  return true;
}

function warnOf({ name, isProtected }: Vault, say: Say): void {
  say(
    isProtected === true
      ? `The vault ${name} stays, deleted, for its 90 days and cannot be purged: its name is taken until then. The next deployment into this group recovers it.`
      : `The vault ${name} stays, deleted, for its 7 days: its name is taken until then, unless it is purged (--purge). The next deployment into this group recovers it.`,
  );
}

/** @param only what to delete in a group that others use. */
async function remove(az: Az, resourceGroup: string, only: readonly Resource[] | undefined): Promise<void> {
  if (only === undefined) {
    await az.show("group", "delete", "--name", resourceGroup, "--yes");
    return;
  }
  // What uses others goes first: an address or a subnet in use cannot be deleted.
  const order = ["containerGroups", "loadBalancers", "virtualNetworks", "natGateways"];
  const rank = ({ type }: Resource): number => {
    const place = order.findIndex((name) => type.endsWith(name));
    return place === -1 ? order.length : place;
  };
  for (const { id } of only.toSorted((a, b) => rank(a) - rank(b))) await az.show("resource", "delete", "--ids", id);
}

async function purge(az: Az, vaults: readonly Vault[] | undefined, say: Say): Promise<void> {
  for (const { name, location, isProtected } of vaults ?? [
    { name: "<vault>", location: "<location>", isProtected: null },
  ]) {
    if (isProtected === true) say(`${name} is protected: nobody can purge it.`);
    else await az.show("keyvault", "purge", "--name", name, "--location", location);
  }
}
