import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const run = promisify(execFile);

type Package = {
  readonly bin: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
};

/** The files of `dist` that a package gives to others. */
function givenBy(folder: string): readonly string[] {
  const { bin, exports } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Package;
  const files = [bin, ...Object.values(exports)].flatMap((entry) =>
    typeof entry === "string" ? [entry] : Object.values(entry),
  );
  return [...new Set(files.filter((file) => /^(\.\/)?dist\//.test(file)).map((file) => join(file)))];
}

/** The files of `dist` that its build makes. */
async function madeBy(folder: string): Promise<ReadonlySet<string>> {
  const project = join(folder, "tsconfig.build.json");
  const { stdout } = await run(resolve("node_modules/.bin/tsc"), ["-p", project, "--listFilesOnly"]);
  const sources = stdout.split("\n").filter((path) => path !== "" && !path.includes("node_modules"));
  const names = sources.map((path) => join("dist", relative(".", path)).replace(/\.ts$/, ""));
  return new Set(names.flatMap((name) => [`${name}.js`, `${name}.d.ts`]));
}

it.each([".", "client"])("builds every file that the package in %s gives to others", async (folder) => {
  const [given, made] = [givenBy(folder), await madeBy(folder)];

  expect(given.length).toBeGreaterThan(4);
  expect(given.filter((file) => !made.has(file))).toEqual([]);
});

it("resolves on Node what the client imports by names of its own", async () => {
  const { imports } = JSON.parse(readFileSync("client/package.json", "utf8")) as { readonly imports: object };
  const program = Object.keys(imports).map((name) => `await import(${JSON.stringify(name)});`);

  await run(process.execPath, ["--input-type=module", "--eval", program.join("\n")], { cwd: "client" });

  expect(program.length).toBe(2);
});
