import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { isInstalled } from "../installation.ts";

/** Beside this file, in a package: `npm run build` puts it there. */
const BUILT = new URL("page.js", import.meta.url);
/** In a checkout: what makes it of the sources. */
const BUILDER = new URL("../../scripts/build-page.ts", import.meta.url);
/** How long that may take. A slow machine needs two seconds for it. */
const BUILD_TIMEOUT_MS = 60_000;
const MAX_SCRIPT_BYTES = 4_194_304;

/**
 * The script of the try-it page, the client library in it. A package has it as a file. In a checkout, which runs as it is,
 * it is made of the sources: by a process of its own, because the bundler is heavy and native, and a relay waits for nobody.
 * Rejects where neither is there.
 */
export async function readPageScript(): Promise<Buffer> {
  if (isInstalled) return readFile(BUILT);
  const { stdout } = await promisify(execFile)(process.execPath, [fileURLToPath(BUILDER)], {
    encoding: "buffer",
    maxBuffer: MAX_SCRIPT_BYTES,
    timeout: BUILD_TIMEOUT_MS,
  });
  return stdout;
}
