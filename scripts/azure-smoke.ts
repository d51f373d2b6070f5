#!/usr/bin/env node
import { Command, InvalidArgumentError } from "commander";
import { runSmoke } from "./azure/smoke.ts";
import { conclude, readText, say } from "./azure/terminal.ts";

/**
 * Has two clients talk through a relay, wherever it runs, and looks at its certificate. Exits with 0 where all went well.
 */
await new Command("azure-smoke")
  .description("Tries a relay: certificate, first byte, and two clients that join, exchange messages and leave.")
  .argument("<url>", "wss:// address of a relay", parseUrl)
  .option("--untrusted", "take any chain, such as one of an authority's staging; the name is checked all the same")
  .option("--ca-file <path>", "certificates (PEM) to trust in place of the system's")
  .option("--token-file <path>", "the file that holds a token, for a relay that wants one; never with --untrusted")
  .action(run)
  .parseAsync();

type Options = { readonly untrusted?: boolean; readonly caFile?: string; readonly tokenFile?: string };

async function run(url: URL, { untrusted = false, caFile, tokenFile }: Options): Promise<void> {
  await conclude("azure-smoke", () => {
    const ca = caFile === undefined ? {} : { ca: readText(caFile) };
    const token = tokenFile === undefined ? {} : { token: readText(tokenFile).trim() };
    return runSmoke(url, { isUntrusted: untrusted, ...ca, ...token, say });
  });
}

function parseUrl(text: string): URL {
  const url = URL.parse(text);
  if (url?.protocol === "wss:") return url;
  throw new InvalidArgumentError("It starts with wss://.");
}
