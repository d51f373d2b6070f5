import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { adviceOn } from "./advice.ts";
import { type Az, AzError, type Say } from "./az.ts";
import { GivenParameters } from "./given-parameters.ts";
import { leadsHere } from "./leads-here.ts";
import {
  checkLogin,
  checkRights,
  describeRegistry,
  findDeletedVault,
  findGroup,
  makeGroup,
  NotReady,
  registerProviders,
} from "./preflight.ts";
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
  const { resourceGroup } = options;
  checkGiven(options, new GivenParameters(valuesOf(options), options.parametersFile), az.isDryRun);
  const login = await checkLogin(az, say);
  const registry = options.registry === undefined ? undefined : await describeRegistry(az, options.registry);
  const given = new GivenParameters(valuesOf(options, registry), options.parametersFile);
  const groupLocation = await findGroup(az, resourceGroup);
  if (options.skipRightsCheck !== true) {
    const isThere = groupLocation !== undefined;
    await checkRights(az, login, { resourceGroup, isThere, assignsRoles: options.assignRoles });
  }
  await registerProviders(az, say, { hasNetwork: given.has("network") });
  if (groupLocation === undefined) await makeGroup(az, resourceGroup, options.location);
  const deletedVault = await findDeletedVault(az, { resourceGroup, groupLocation, given });
  if (deletedVault !== undefined) say(`The vault ${deletedVault} was deleted; it is recovered, with its certificates.`);
  if (deletedVault === undefined && given.isTrue("recoverVault")) {
    say("There is no deleted vault of this relay: recoverVault is left out. It is for once.");
  }

  const what = { options, given, recovers: deletedVault !== undefined };
  await az.show("deployment", "group", "what-if", ...deploymentArguments(what));
  const question = `Deploy this to ${resourceGroup}?`;
  if (!az.isDryRun && options.yes !== true && !(await confirm(question, "yes"))) {
    say("Nothing was deployed.");
    return false;
  }
  const outputs = await create(az, what, say);
  if (outputs === undefined) return az.isDryRun;
  if (given.isTrue("alertsOnly")) {
    say("Logs and alerts are deployed; the relay was left as it is.");
    return true;
  }
  return finish(outputs, options, { say, given });
}

/** What can be seen to be wrong before Azure is asked. */
function checkGiven({ parametersFile }: DeployOptions, given: GivenParameters, isDryRun: boolean): void {
  if (given.has("network") && !given.has("customDomain")) {
    throw new NotReady("A network wants a name of your own: --custom-domain. Behind a load balancer Azure gives none.");
  }
  if (isDryRun) return;
  if (parametersFile !== undefined && !existsSync(parametersFile)) {
    throw new NotReady(`There is no file ${parametersFile}.`);
  }
  // A group that cannot pull waits for long and says little.
  const { image: written } = JSON.parse(readFileSync(`${ROOT}infra/image.json`, "utf8")) as { readonly image: string };
  if (given.has("image") || !written.endsWith(NO_DIGEST)) return;
  throw new NotReady(
    "infra/image.json names no published image yet. Publish one with the workflow, or say --image REGISTRY/NAME@sha256:...",
  );
}

/** The parameters on the command line, as the Azure CLI takes them. */
function valuesOf(options: DeployOptions, registry = JSON.stringify({ name: options.registry })): readonly string[] {
  return [
    ...(options.environment === undefined ? [] : [`environment=${options.environment}`]),
    ...(options.location === undefined ? [] : [`location=${options.location}`]),
    ...(options.image === undefined ? [] : [`image=${options.image}`]),
    ...(options.registry === undefined ? [] : [`registry=${registry}`]),
    ...(options.customDomain === undefined ? [] : [`customDomain=${options.customDomain}`]),
    ...(options.email === undefined ? [] : [`acmeEmail=${options.email}`]),
    ...(options.assignRoles ? [] : ["assignRoles=false"]),
    ...options.parameter,
  ];
}

/** One deployment: what was typed, what comes of it, and whether it brings back a vault. */
type Deployment = {
  readonly options: DeployOptions;
  readonly given: GivenParameters;
  readonly recovers: boolean;
};

/** What `what-if` and `create` have in common. */
function deploymentArguments({ options, given, recovers }: Deployment): readonly string[] {
  const { resourceGroup, parametersFile: file } = options;
  // A .bicepparam file names its template.
  const isBicepParam = file?.endsWith(".bicepparam") === true;
  // The last word on it is this one: a file that says it for ever is right once.
  const recovery = recovers || given.has("recoverVault") ? [`recoverVault=${recovers}`] : [];
  const values = [...given.values, ...recovery];
  return [
    "--resource-group",
    resourceGroup,
    ...(isBicepParam ? [] : ["--template-file", `${ROOT}relay.bicep`]),
    ...(file === undefined ? [] : ["--parameters", file]),
    ...(values.length === 0 ? [] : ["--parameters", ...values]),
  ];
}

/**
 * Deploys, a second time where the registry may not know the relay yet: the vault is there by then.
 * @throws NotReady with what to do about Azure's answer.
 */
async function create(az: Az, deployment: Deployment, say: Say): Promise<Outputs | undefined> {
  const { given, options } = deployment;
  const call = (what: Deployment): Promise<Outputs | undefined> => {
    const args = ["--name", "relay", ...deploymentArguments(what), "--query", "properties.outputs"];
    return az.json<Outputs>("deployment", "group", "create", ...args);
  };
  return call(deployment)
    .catch((error: unknown) => {
      if (!(error instanceof AzError && error.message.includes("InaccessibleImage") && given.has("registry")))
        throw error;
      say("The registry does not let the relay in; a new role takes minutes to be known. Once more.");
      return call({ ...deployment, recovers: false });
    })
    .catch((error: unknown) => {
      const advice = error instanceof AzError ? adviceOn(error.message, options.resourceGroup) : undefined;
      if (advice === undefined) throw error;
      throw new NotReady(`${(error as AzError).message}\n${advice}`, { cause: error });
    });
}

type Finish = { readonly say: Say; readonly given: GivenParameters };

async function finish(outputs: Outputs, { timeout, token }: DeployOptions, { say, given }: Finish): Promise<boolean> {
  const textOf = (name: string): string => String(outputs[name]?.value ?? "");
  const url = new URL(textOf("relayUrl"));
  const relay = { fqdn: textOf("relayFqdn"), ip: textOf("relayIp") };
  say(
    `Deployed. Clients dial ${textOf("relayUrl")}; Azure's own name is ${relay.fqdn || "none: it is behind the load balancer"}.`,
  );
  const timeoutMs = timeout * 1000;
  // Azure's own name leads here as soon as it is known: /ready is asked until then.
  if (url.hostname !== relay.fqdn) {
    // A record that the deployment has made may take its time; nobody else makes one while this waits.
    const wait = given.has("dnsZone") ? timeoutMs : 0;
    const { isHere, addresses } = await leadsHere({ name: url.hostname, relay, timeoutMs: wait });
    const isSelfSigned = textOf("certificateSource") === "self-signed";
    if (!isHere) {
      const leads =
        addresses.length === 0 ? "leads nowhere yet" : `leads to ${addresses.join(", ")}, not to this relay`;
      const record = relay.fqdn === "" ? `an A record to ${relay.ip}` : `a CNAME record to ${relay.fqdn}`;
      const next = isSelfSigned
        ? "deploy again without certificateSource=self-signed"
        : "the relay orders its certificate by itself";
      say(`${url.hostname} ${leads}. Make ${record}; then ${next}.`);
      return isSelfSigned;
    }
  }
  const isUntrusted = outputs["isCertificateTrusted"]?.value !== true;
  if (!(await waitUntilReady(url, { isUntrusted, timeoutMs, say }))) return false;
  const isGood = await runSmoke(url, { isUntrusted, say, ...(token === undefined ? {} : { token }) });
  say(isGood ? `The relay is there: ${textOf("relayUrl")}` : "The relay is there, and the smoke test failed.");
  return isGood;
}
