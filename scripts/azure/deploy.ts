import { existsSync } from "node:fs";
import { adviceOn } from "./advice.ts";
import { type Az, AzError, hasCli, type Say } from "./az.ts";
import { costOf } from "./costs.ts";
import { GivenParameters } from "./given-parameters.ts";
import { buildImage, ensureRegistry, isImagePublished, ROOT } from "./image-build.ts";
import { leadsHere } from "./leads-here.ts";
import {
  checkLogin,
  checkRights,
  findDeletedVault,
  findGroup,
  type Login,
  makeGroup,
  NotReady,
  registerProviders,
} from "./preflight.ts";
import { describeRegistry, parameterOf, type Registry } from "./registry.ts";
import { runSmoke } from "./smoke.ts";
import { waitUntilReady } from "./wait-until-ready.ts";

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
  /** Build the image of this folder, also where one was published. */
  readonly build?: boolean;
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

/** An image, and the registry that it is pulled from. */
type Image = { readonly reference: string; readonly registry: Registry };

type Outputs = Readonly<Record<string, { readonly value: string | boolean }>>;

/**
 * Checks, asks, deploys, waits and tries. Nothing is changed before the answer, except that providers are registered and
 * the resource group is made: a what-if needs both.
 * @returns whether the relay is there and passed its smoke test; true after a dry run.
 * @throws NotReady where something has to be done first; AzError where a call fails.
 */
export async function deploy(options: DeployOptions, parts: DeployParts): Promise<boolean> {
  const { az, say } = parts;
  const { resourceGroup } = options;
  const typed = new GivenParameters(valuesOf(options), options.parametersFile);
  checkGiven(options, typed);
  const login = await checkLogin(az, say);
  const registry = options.registry === undefined ? undefined : await describeRegistry(az, options.registry);
  const groupLocation = await findGroup(az, resourceGroup);
  if (options.skipRightsCheck !== true) {
    const isThere = groupLocation !== undefined;
    await checkRights(az, login, { resourceGroup, isThere, assignsRoles: options.assignRoles });
  }
  const hasBuild = wantsBuild(options, typed);
  const beside = { hasNetwork: typed.has("network"), hasBuild: hasBuild || typed.has("source") };
  await registerProviders(az, say, beside);
  if (groupLocation === undefined) await makeGroup(az, resourceGroup, options.location);
  const deletedVault = await findDeletedVault(az, { resourceGroup, groupLocation, given: typed });
  if (deletedVault !== undefined) say(`The vault ${deletedVault} was deleted; it is recovered, with its certificates.`);
  if (deletedVault === undefined && typed.isTrue("recoverVault")) {
    say("There is no deleted vault of this relay: recoverVault is left out. It is for once.");
  }

  const built = hasBuild ? await buildHere(options, { ...parts, typed, login, registry }) : undefined;
  if (hasBuild && built === undefined) return nothing(say);
  const given = new GivenParameters(
    valuesOf(
      built === undefined ? options : { ...options, image: built.reference, registry: built.registry.name },
      built?.registry ?? registry,
    ),
    options.parametersFile,
  );
  const what = { options, given, recovers: deletedVault !== undefined };
  await az.show("deployment", "group", "what-if", ...deploymentArguments(what));
  if (!(await agrees(options, parts, `Deploy this to ${resourceGroup}?`))) return nothing(say);
  const outputs = await create(az, what, say);
  if (outputs === undefined) return az.isDryRun && hasCli(az, say);
  if (given.isTrue("alertsOnly")) {
    say("Logs and alerts are deployed; the relay was left as it is.");
    return true;
  }
  return finish(outputs, options, { say, given, hasBuild: beside.hasBuild });
}

function nothing(say: Say): boolean {
  say("Nothing was deployed.");
  return false;
}

async function agrees({ yes }: DeployOptions, { az, confirm }: DeployParts, question: string): Promise<boolean> {
  return az.isDryRun || yes === true || confirm(question, "yes");
}

/** Whether somebody wants a build, or nobody has said which image and none was published. */
function wantsBuild(options: DeployOptions, given: GivenParameters): boolean {
  if (given.has("image") || given.has("source") || given.isTrue("alertsOnly")) return false;
  return options.build === true || !isImagePublished();
}

type BuildContext = DeployParts & {
  readonly typed: GivenParameters;
  readonly login: Login;
  readonly registry: Registry | undefined;
};

/** Builds this checkout in the registry that was named, or in one of its own; undefined where somebody says no to that. */
async function buildHere(options: DeployOptions, context: BuildContext): Promise<Image | undefined> {
  const { az, say, typed, login } = context;
  const { resourceGroup } = options;
  const location = typed.text("location");
  const place = {
    subscriptionId: login.subscriptionId,
    resourceGroup,
    environment: typed.text("environment") ?? "test",
    ...(location === undefined ? {} : { location }),
  };
  const parts = { az, say, agrees: (question: string) => agrees(options, context, question) };
  const registry = context.registry ?? (await ensureRegistry(place, parts));
  if (registry === undefined) return undefined;
  return { reference: await buildImage(registry, resourceGroup, parts), registry };
}

/** What can be seen to be wrong before Azure is asked, in a dry run too. */
function checkGiven({ parametersFile, build }: DeployOptions, given: GivenParameters): void {
  if (given.has("network") && !given.has("customDomain")) {
    throw new NotReady("A network wants a name of your own: --custom-domain. Behind a load balancer Azure gives none.");
  }
  if ([build === true, given.has("image"), given.has("source")].filter(Boolean).length > 1) {
    throw new NotReady("The image comes from one place: leave all but one of --image, --build and source out.");
  }
  if (parametersFile !== undefined && !existsSync(parametersFile)) {
    throw new NotReady(`There is no file ${parametersFile}.`);
  }
}

/** The parameters on the command line, as the Azure CLI takes them. */
function valuesOf(options: DeployOptions, registry?: Registry): readonly string[] {
  const described = registry === undefined ? JSON.stringify({ name: options.registry }) : parameterOf(registry);
  return [
    ...(options.environment === undefined ? [] : [`environment=${options.environment}`]),
    ...(options.location === undefined ? [] : [`location=${options.location}`]),
    ...(options.image === undefined ? [] : [`image=${options.image}`]),
    ...(options.registry === undefined ? [] : [`registry=${described}`]),
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
      const advice =
        error instanceof AzError ? adviceOn(error.message, { resourceGroup: options.resourceGroup }) : undefined;
      if (advice === undefined) throw error;
      throw new NotReady(`${(error as AzError).message}\n${advice}`, { cause: error });
    });
}

type Finish = { readonly say: Say; readonly given: GivenParameters; readonly hasBuild: boolean };

async function finish(outputs: Outputs, options: DeployOptions, { say, given, hasBuild }: Finish): Promise<boolean> {
  const { timeout, token, resourceGroup } = options;
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
  const environment = /-(test|dev|prod)$/.exec(textOf("containerGroupName"))?.[1] ?? options.environment ?? "test";
  say(costOf({ isProd: environment === "prod", hasBuild }));
  say(`To undo it: npm run azure:destroy -- --resource-group ${resourceGroup} --environment ${environment}`);
  return isGood;
}
