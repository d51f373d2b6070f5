import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Plugin, rolldown } from "rolldown";

/**
 * Makes the script of the try-it page: page/ and the client library in one file.
 * Usage: node scripts/build-page.ts [file]; without a file it is printed.
 */
const input = fileURLToPath(new URL("../page/main.ts", import.meta.url));
const build = await rolldown({ input, platform: "browser", logLevel: "silent", plugins: [loadedAtOnce()] });
const { output } = await build.generate({ format: "esm", minify: true, codeSplitting: false });
await build.close();
const [path] = process.argv.slice(2);
if (path === undefined) process.stdout.write(output[0].code);
else writeFileSync(path, output[0].code);

/** What the client loads when it is needed is in the same file here. To run it no earlier than that would take 2 KB. */
function loadedAtOnce(): Plugin {
  return {
    name: "loaded-at-once",
    transform(code) {
      const imports: string[] = [];
      const text = code.replaceAll(/\bimport\(("[^"]+")\)/g, (_, specifier: string) => {
        const name = `part${imports.length}`;
        imports.push(`import * as ${name} from ${specifier};`);
        return name;
      });
      return imports.length === 0 ? null : imports.join(" ") + text;
    },
  };
}
