import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Plugin, rolldown } from "rolldown";

/**
 * Makes the scripts of the relay's pages: what is in page/ and what that takes of the client library, in one file each.
 * Usage: node scripts/build-page.ts page|doctor prints one; with a folder in place of the name it writes both there.
 */
const inputs: Readonly<Record<string, string>> = { page: "../page/main.ts", doctor: "../page/doctor/main.ts" };

async function bundle(path: string): Promise<string> {
  const input = fileURLToPath(new URL(path, import.meta.url));
  const build = await rolldown({ input, platform: "browser", logLevel: "silent", plugins: [loadedAtOnce()] });
  const { output } = await build.generate({ format: "esm", minify: true, codeSplitting: false });
  await build.close();
  return output[0].code;
}

const [wish = ""] = process.argv.slice(2);
const wished = inputs[wish];
if (wished !== undefined) process.stdout.write(await bundle(wished));
else if (wish === "") throw new Error("page, doctor, or a folder for both");
else for (const [name, path] of Object.entries(inputs)) writeFileSync(join(wish, `${name}.js`), await bundle(path));

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
