import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

// Compiles the relay, its pages and the command `postern`. Usage: node scripts/build-relay.ts [FOLDER], which is `dist` where it
// is left out. What is in the folder is removed.

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const folder = resolve(process.argv[2] ?? join(ROOT, "dist"));

/**
 * The command is put together from its 300 modules: to find and load each by itself is half of what its start costs. The modules
 * stay beside it, for who imports the package.
 */
async function putTogether(): Promise<void> {
  const input = join(folder, "relay/main.js");
  const build = await rolldown({ input, platform: "node", external: isPackage });
  await build.write({
    dir: join(folder, "relay"),
    entryFileNames: "main.js",
    // As deep as the modules are: what lies beside one is found from both.
    chunkFileNames: "command/[name]-[hash].js",
  });
  await build.close();
}

function isPackage(id: string): boolean {
  return !id.startsWith(".") && !isAbsolute(id);
}

rmSync(folder, { recursive: true, force: true });
const inherited = { cwd: ROOT, stdio: "inherit" } as const;
execFileSync(
  process.execPath,
  ["node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json", "--outDir", folder],
  inherited,
);
execFileSync(process.execPath, ["scripts/build-page.ts", join(folder, "relay/try-it")], inherited);
await putTogether();
