#!/usr/bin/env node
import { Command, InvalidArgumentError, Option } from "commander";
import { Az } from "./azure/az.ts";
import { type DeployOptions, deploy } from "./azure/deploy.ts";
import { conclude, confirm, readText, say } from "./azure/terminal.ts";

/**
 * Deploys relay.bicep to Azure: checks the login and the rights, shows what would change, asks, deploys, waits until the
 * relay is ready over TLS, and has two clients talk through it.
 */
await new Command("azure-deploy")
  .description("Deploys a relay to Azure Container Instances. docs/deploy/azure.md tells the rest.")
  .requiredOption("-g, --resource-group <name>", "where to; it is made where there is none")
  .addOption(
    new Option("-e, --environment <name>", "what the relay is for; test if nothing says").choices([
      "test",
      "dev",
      "prod",
    ]),
  )
  .option("-l, --location <region>", "the region, such as westeurope; wanted for a new group")
  .option("--subscription <id>", "which one, where there are several")
  .option("--image <reference>", "the image, by digest")
  .option("--registry <name>", "the Azure container registry of the image, or to build it in")
  .option("--build", "have Azure build the image of this folder, as where none was published")
  .option("--custom-domain <name>", "a name of your own")
  .option("--email <address>", "where the authority may write to")
  .option("--parameters-file <path>", "a .bicepparam or JSON file, such as infra/env/prod.bicepparam")
  .option("--parameter <name=value>", "one more parameter of relay.bicep; may be repeated; nothing secret", collect, [])
  .option("--no-assign-roles", "assign no roles: somebody else did")
  .option("--skip-rights-check", "do not look at your roles")
  .option("--token-file <path>", "the file that holds a token for the smoke test, for a relay that wants one")
  .option("--timeout <seconds>", "how long to wait until the relay is ready", seconds, 1500)
  .option("--yes", "do not ask")
  .option("--dry-run", "print every call of az, and make none")
  .action(run)
  .parseAsync();

type Options = Omit<DeployOptions, "token"> & { readonly dryRun?: boolean; readonly tokenFile?: string };

async function run({ dryRun = false, tokenFile, ...options }: Options): Promise<void> {
  const az = new Az({ isDryRun: dryRun, say, subscription: options.subscription });
  await conclude("azure-deploy", () => {
    const token = tokenFile === undefined ? {} : { token: readText(tokenFile).trim() };
    return deploy({ ...options, ...token }, { az, say, confirm });
  });
}

function collect(value: string, before: readonly string[]): readonly string[] {
  if (/^\w+=/.test(value)) return [...before, value];
  throw new InvalidArgumentError("It is name=value.");
}

function seconds(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new InvalidArgumentError("It is a whole number of seconds.");
}
