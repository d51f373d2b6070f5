import { createHash } from "node:crypto";
import { type Az, AzError } from "./az.ts";

/** A container registry, as far as a deployment has to know it. */
export type Registry = {
  readonly name: string;
  /** The host in the names of its images. */
  readonly server: string;
  /** Its resource group, where that is known and not the one of the relay. */
  readonly resourceGroup?: string;
  /** Whether roles are for its repositories (ABAC), where AcrPull counts for nothing. */
  readonly isByRepository: boolean;
};

type Found = {
  readonly name?: string;
  readonly server?: string;
  readonly resourceGroup?: string;
  readonly mode: string | null;
};

const FIELDS = "{name: name, server: loginServer, resourceGroup: resourceGroup, mode: roleAssignmentMode}";

/** The registry of this name. Without the right to look it up, or in a dry run, what its name alone tells. */
export async function describeRegistry(az: Az, name: string): Promise<Registry> {
  const found = await az.json<Found>("acr", "show", "--name", name, "--query", FIELDS).catch((error: unknown) => {
    if (error instanceof AzError) return undefined;
    throw error;
  });
  return registryOf(name, found);
}

/** What the template takes for a registry. */
export function parameterOf({ name, resourceGroup, isByRepository }: Registry): string {
  const where = resourceGroup === undefined ? {} : { resourceGroup };
  return JSON.stringify({ name, ...where, ...(isByRepository ? { permissions: "repositories" } : {}) });
}

/** Where a relay is, and which one it is there. */
export type RelayPlace = {
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  readonly environment: string;
  readonly location?: string;
};

/** The registry that an earlier deployment of this relay has made; undefined where there is none, and in a dry run. */
export async function findRegistry(az: Az, { resourceGroup, environment }: RelayPlace): Promise<Registry | undefined> {
  const query = `[?tags.application=='postern' && tags.environment=='${environment}'].${FIELDS}`;
  const found = await az.json<Found[]>("acr", "list", "--resource-group", resourceGroup, "--query", query);
  const [first] = found ?? [];
  return first?.name === undefined ? undefined : registryOf(first.name, { ...first, resourceGroup: undefined });
}

/** Makes a registry for this relay, with its tags: what takes the relay down finds it by them. */
export async function makeRegistry(az: Az, place: RelayPlace): Promise<Registry> {
  const { resourceGroup, environment, location } = place;
  const name = az.isDryRun ? "<registry>" : nameFor(place);
  const where = location === undefined ? [] : ["--location", location];
  const tags = ["--tags", "application=postern", `environment=${environment}`];
  const call = ["acr", "create", "--resource-group", resourceGroup, "--name", name, "--sku", "Basic", ...where];
  const made = await az.json<Found>(...call, "--role-assignment-mode", "rbac", ...tags, "--query", FIELDS);
  return registryOf(name, { ...made, mode: null, resourceGroup: undefined });
}

/** A name that is free in the world, and the same for the same relay: 5 to 50 letters and digits. */
export function nameFor({ subscriptionId, resourceGroup, environment }: RelayPlace): string {
  const place = `${subscriptionId}/${resourceGroup}/${environment}`.toLowerCase();
  return `postern${createHash("sha256").update(place).digest("hex").slice(0, 13)}`;
}

function registryOf(
  name: string,
  found: { readonly [field in keyof Found]?: Found[field] | undefined } = {},
): Registry {
  return {
    name,
    server: found.server ?? `${name}.azurecr.io`,
    ...(found.resourceGroup === undefined ? {} : { resourceGroup: found.resourceGroup }),
    isByRepository: /^Abac/i.test(found.mode ?? ""),
  };
}
