#!/usr/bin/env node
import { Command, Option } from "commander";
import { Az } from "./azure/az.ts";
import { type DestroyOptions, destroy } from "./azure/destroy.ts";
import { conclude, confirm, say } from "./azure/terminal.ts";

/** Takes down what azure-deploy made, after asking. */
await new Command("azure-destroy")
  .description("Takes a relay in Azure down. Its vault stays, deleted, for as long as it is told to.")
  .requiredOption("-g, --resource-group <name>", "where it is")
  .addOption(
    new Option("-e, --environment <name>", "only the relay of this one; all in the group if nothing says").choices([
      "test",
      "dev",
      "prod",
    ]),
  )
  .option("--subscription <id>", "which one, where there are several")
  .option("--purge", "purge the deleted vault too, where it may be")
  .option("--yes", "do not ask")
  .option("--dry-run", "print every call of az, and make none")
  .action(run)
  .parseAsync();

async function run({ dryRun, ...options }: DestroyOptions & { readonly dryRun?: boolean }): Promise<void> {
  const az = new Az({ isDryRun: dryRun === true, say, subscription: options.subscription });
  await conclude("azure-destroy", () => destroy(options, { az, say, confirm }));
}
