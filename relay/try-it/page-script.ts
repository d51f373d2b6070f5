import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { isInstalled } from "../installation.ts";

/** The pages that have one: the one to try the relay, and the doctor. */
export type ScriptName = "page" | "doctor";

/** In a checkout: what makes it of the sources. */
const BUILDER = new URL("../../scripts/build-page.ts", import.meta.url);
/** How long that may take. A slow machine needs two seconds for it. */
const BUILD_TIMEOUT_MS = 60_000;
const MAX_SCRIPT_BYTES = 4_194_304;

/**
 * The script of a page, what it needs of the client library in it. A package has it as a file, which `npm run build` puts there. In
 * a checkout, which runs as it is, it is made of the sources: by a process of its own, because the bundler is heavy and native, and
 * a relay waits for nobody.
 * Rejects where neither is there.
 */
export async function readPageScript(name: ScriptName): Promise<Buffer> {
  if (isInstalled) return readFile(new URL(`../try-it/${name}.js`, import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [fileURLToPath(BUILDER), name], {
    encoding: "buffer",
    maxBuffer: MAX_SCRIPT_BYTES,
    timeout: BUILD_TIMEOUT_MS,
  });
  return stdout;
}
