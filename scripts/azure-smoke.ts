#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { Command, InvalidArgumentError } from "commander";
import { runSmoke } from "./azure/smoke.ts";
import { conclude, say } from "./azure/terminal.ts";

/**
 * Has two clients talk through a relay, wherever it runs, and looks at its certificate. Exits with 0 where all went well.
 */
await new Command("azure-smoke")
  .description("Tries a relay: certificate, first byte, and two clients that join, exchange messages and leave.")
  .argument("<url>", "wss:// address of a relay", parseUrl)
  .option("--untrusted", "take any chain, such as one of an authority's staging; the name is checked all the same")
  .option("--ca-file <path>", "certificates (PEM) to trust in place of the system's")
  .action(run)
  .parseAsync();

async function run(url: URL, options: { readonly untrusted?: boolean; readonly caFile?: string }): Promise<void> {
  const ca = options.caFile === undefined ? {} : { ca: readFileSync(options.caFile, "utf8") };
  await conclude("azure-smoke", () => runSmoke(url, { isUntrusted: options.untrusted === true, ...ca, say }));
}

function parseUrl(text: string): URL {
  const url = URL.parse(text);
  if (url?.protocol === "wss:") return url;
  throw new InvalidArgumentError("It starts with wss://.");
}
