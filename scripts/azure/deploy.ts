import { lookup } from "node:dns/promises";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Az, Say } from "./az.ts";
import { checkLogin, checkRights, ensureGroup, findDeletedVault, NotReady, registerProviders } from "./preflight.ts";
import { runSmoke } from "./smoke.ts";
import { waitUntilReady } from "./wait-until-ready.ts";

/** The root of the repository, where relay.bicep is. */
const ROOT: string = fileURLToPath(new URL("../../", import.meta.url));
/** What infra/image.json holds until the first image is published. */
const NO_DIGEST = "0".repeat(64);

/** What to deploy. */
export type DeployOptions = {
  readonly resourceGroup: string;
  /** Left out, it is that of the parameters file, or the template's own default. */
  readonly environment?: "test" | "dev" | "prod";
  readonly location?: string;
  readonly subscription?: string;
  readonly parametersFile?: string;
  readonly parameter: readonly string[];
  readonly image?: string;
  readonly registry?: string;
  readonly customDomain?: string;
  readonly email?: string;
  readonly assignRoles: boolean;
  readonly skipRightsCheck?: boolean;
  readonly yes?: boolean;
  /** For the smoke test, where the relay wants one. */
  readonly token?: string;
  /** Seconds. */
  readonly timeout: number;
};

/** What the deployment needs beside its options. */
export type DeployParts = {
  readonly az: Az;
  readonly say: Say;
  readonly confirm: (question: string, word: string) => Promise<boolean>;
};

type Outputs = Readonly<Record<string, { readonly value: string | boolean }>>;

/**
 * Checks, asks, deploys, waits and tries. Nothing is changed before the answer, except that providers are registered and
 * the resource group is made: a what-if needs both.
 * @returns whether the relay is there and passed its smoke test; true after a dry run.
 * @throws NotReady where something has to be done first; AzError where a call fails.
 */
export async function deploy(options: DeployOptions, { az, say, confirm }: DeployParts): Promise<boolean> {
  if (!az.isDryRun) checkImage(options);
  if (options.subscription !== undefined) await az.show("account", "set", "--subscription", options.subscription);
  const login = await checkLogin(az, say);
  if (options.skipRightsCheck !== true) {
    await checkRights(az, login, { resourceGroup: options.resourceGroup, assignsRoles: options.assignRoles });
  }
  await registerProviders(az, say);
  await ensureGroup(az, options.resourceGroup, options.location);
  const deletedVault = await findDeletedVault(az, options.resourceGroup);
  if (deletedVault !== undefined) say(`The vault ${deletedVault} was deleted; it is recovered, with its certificates.`);

  const what = deploymentArguments(options, deletedVault !== undefined);
  await az.show("deployment", "group", "what-if", ...what);
  const question = `Deploy this to ${options.resourceGroup}?`;
  if (!az.isDryRun && options.yes !== true && !(await confirm(question, "yes"))) {
    say("Nothing was deployed.");
    return false;
  }
  const create = ["deployment", "group", "create", "--name", "relay", ...what, "--query", "properties.outputs"];
  const outputs = await az.json<Outputs>(...create);
  if (outputs === undefined) return az.isDryRun;
  return finish(outputs, options, say);
}

/** The image has to be there: a group that cannot pull waits for long and says little. */
function checkImage({ image, parameter, parametersFile }: DeployOptions): void {
  const { image: written } = JSON.parse(readFileSync(`${ROOT}infra/image.json`, "utf8")) as { readonly image: string };
  if (parametersFile !== undefined && !existsSync(parametersFile)) {
    throw new NotReady(`There is no file ${parametersFile}.`);
  }
  const fileNamesOne = parametersFile !== undefined && /\bimage\b/.test(readFileSync(parametersFile, "utf8"));
  const isNamed = image !== undefined || fileNamesOne || parameter.some((one) => one.startsWith("image="));
  if (isNamed || !written.endsWith(NO_DIGEST)) return;
  throw new NotReady(
    "infra/image.json names no published image yet. Publish one with the workflow, or say --image REGISTRY/NAME@sha256:...",
  );
}

/** What `what-if` and `create` have in common. */
function deploymentArguments(options: DeployOptions, recoversVault: boolean): readonly string[] {
  const file = options.parametersFile;
  // A .bicepparam file names its template.
  const isBicepParam = file?.endsWith(".bicepparam") === true;
  const values = [
    ...(options.environment === undefined ? [] : [`environment=${options.environment}`]),
    ...(options.location === undefined ? [] : [`location=${options.location}`]),
    ...(options.image === undefined ? [] : [`image=${options.image}`]),
    ...(options.registry === undefined ? [] : [`registry=${JSON.stringify({ name: options.registry })}`]),
    ...(options.customDomain === undefined ? [] : [`customDomain=${options.customDomain}`]),
    ...(options.email === undefined ? [] : [`acmeEmail=${options.email}`]),
    ...(options.assignRoles ? [] : ["assignRoles=false"]),
    ...(recoversVault ? ["recoverVault=true"] : []),
    ...options.parameter,
  ];
  return [
    "--resource-group",
    options.resourceGroup,
    ...(isBicepParam ? [] : ["--template-file", `${ROOT}relay.bicep`]),
    ...(file === undefined ? [] : ["--parameters", file]),
    ...(values.length === 0 ? [] : ["--parameters", ...values]),
  ];
}

async function finish(outputs: Outputs, { timeout, token }: DeployOptions, say: Say): Promise<boolean> {
  const textOf = (name: string): string => String(outputs[name]?.value ?? "");
  const url = new URL(textOf("relayUrl"));
  const fqdn = textOf("relayFqdn");
  say(
    `Deployed. Clients dial ${textOf("relayUrl")}; Azure's own name is ${fqdn || "none: it is behind the load balancer"}.`,
  );
  if (!(await leadsSomewhere(url.hostname))) {
    const record = fqdn === "" ? `an A record to ${textOf("relayIp")}` : `a CNAME record to ${fqdn}`;
    say(`${url.hostname} leads nowhere yet. Make ${record}, and deploy again without certificateSource=self-signed.`);
    return textOf("certificateSource") === "self-signed";
  }
  const isUntrusted = outputs["isCertificateTrusted"]?.value !== true;
  if (!(await waitUntilReady(url, { isUntrusted, timeoutMs: timeout * 1000, say }))) return false;
  const isGood = await runSmoke(url, { isUntrusted, say, ...(token === undefined ? {} : { token }) });
  say(isGood ? `The relay is there: ${textOf("relayUrl")}` : "The relay is there, and the smoke test failed.");
  return isGood;
}

async function leadsSomewhere(name: string): Promise<boolean> {
  return lookup(name).then(
    () => true,
    () => false,
  );
}
