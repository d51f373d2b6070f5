import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

/**
 * Makes the script of the try-it page: page/ and the client library in one file.
 * Usage: node scripts/build-page.ts [file]; without a file it is printed.
 */
const input = fileURLToPath(new URL("../page/main.ts", import.meta.url));
const build = await rolldown({ input, platform: "browser", logLevel: "silent" });
const { output } = await build.generate({ format: "esm", minify: true, codeSplitting: false });
await build.close();
const [path] = process.argv.slice(2);
if (path === undefined) process.stdout.write(output[0].code);
else writeFileSync(path, output[0].code);
