import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const run = promisify(execFile);
/** All of a relay's modules, from TypeScript, on a machine that is busy with other tests. */
const LOAD_TIMEOUT_MS = 60_000;
const ROOT = new URL("../..", import.meta.url).pathname;

/** Loads what `postern serve` loads before it starts, and prints what Node and npm's packages have loaded for it. */
const LOADER = `
  await import("./relay/cli/serve.ts");
  const { createRequire } = await import("node:module");
  const packages = Object.keys(createRequire(import.meta.url).cache);
  console.log(JSON.stringify([...process.moduleLoadList, ...packages]));
`;

it(
  "starts a relay without loading what most relays never use: Node's fetch, the writer of metrics",
  async () => {
    const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", LOADER], { cwd: ROOT });
    const loaded = JSON.parse(stdout) as readonly string[];

    expect(loaded.filter((name) => /undici|prom-client|opentelemetry/.test(name))).toEqual([]);
    // The lists are what they are taken for.
    expect(loaded).toContain("NativeModule http");
    expect(loaded.some((name) => name.includes("/node_modules/pino/"))).toBe(true);
  },
  LOAD_TIMEOUT_MS,
);
