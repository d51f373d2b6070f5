import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { VERSION } from "../../relay/version.ts";
import { adviceOn } from "./advice.ts";
import { type Az, AzError, type Say } from "./az.ts";
import { NotReady } from "./preflight.ts";
import { findRegistry, makeRegistry, type Registry, type RelayPlace } from "./registry.ts";

/** The root of the repository, where relay.bicep and the Dockerfile are. */
export const ROOT: string = fileURLToPath(new URL("../../", import.meta.url));
/** What infra/image.json holds until the first image is published. */
const NO_DIGEST = "0".repeat(64);

/** Whether infra/image.json names an image that was published. */
export function isImagePublished(): boolean {
  const { image } = JSON.parse(readFileSync(`${ROOT}infra/image.json`, "utf8")) as { readonly image: string };
  return !image.endsWith(NO_DIGEST);
}

/** What a build needs beside its registry. */
export type BuildParts = {
  readonly az: Az;
  readonly say: Say;
  /** Asked before a registry is made, which costs. */
  readonly agrees: (question: string) => Promise<boolean>;
};

/** The registry of this relay, made where there is none; undefined where somebody does not want that. */
export async function ensureRegistry(
  place: RelayPlace,
  { az, say, agrees }: BuildParts,
): Promise<Registry | undefined> {
  const found = await findRegistry(az, place);
  if (found !== undefined) return found;
  say("Azure builds the image of this folder, in a registry of its own that costs some 5 dollars a month.");
  if (!(await agrees(`Make a registry in ${place.resourceGroup}?`))) return undefined;
  return makeRegistry(az, place);
}

/**
 * Has Azure build the image of this checkout, for x86-64: Container Instances run no other.
 * @returns the image by the digest of its manifest, with no index around it: they have refused those.
 * @throws NotReady with what to do where Azure does not build; AzError where a call fails otherwise.
 */
export async function buildImage(registry: Registry, resourceGroup: string, { az, say }: BuildParts): Promise<string> {
  const tag = `postern:${VERSION}`;
  const where = ["--registry", registry.name, "--image", tag, "--platform", "linux/amd64"];
  // Where roles are for repositories the build pushes with the rights of whoever starts it.
  const rights = registry.isByRepository ? ["--source-acr-auth-id", "[caller]"] : [];
  if (!az.isDryRun) say(`Azure builds the image in ${registry.name}, which takes some minutes.`);
  await az.show("acr", "build", ...where, ...rights, "--file", `${ROOT}Dockerfile`, ROOT).catch((error: unknown) => {
    const advice = error instanceof AzError ? adviceOn(error.message, { resourceGroup, registry }) : undefined;
    if (advice === undefined) throw error;
    throw new NotReady(`${(error as AzError).message}\n${advice}`, { cause: error });
  });
  const shown = ["acr", "repository", "show", "--name", registry.name, "--image", tag, "--query", "digest"];
  const digest = (await az.json<string>(...shown)) ?? "sha256:<digest>";
  return `${registry.server}/postern@${digest}`;
}
