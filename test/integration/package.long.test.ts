import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";

const run = promisify(execFile);
const repository = resolve(".");
const tsc = join(repository, "node_modules/.bin/tsc");
let folder = "";

/** Packs the package as npm would, and unpacks it as an installation: an empty folder, and the modules that it depends on. */
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "postern-package-"));
  const packed = join(folder, "packed");
  mkdirSync(packed);
  for (const path of ["package.json", "README.md", "LICENSE"]) cpSync(path, join(packed, path));
  await run(tsc, ["-p", "tsconfig.build.json", "--outDir", join(packed, "dist")]);
  // Not in the repository, where others may be looking at `dist`.
  const { stdout } = await run("npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", folder], {
    cwd: packed,
  });
  const tarball = /"filename": "([^"]+)"/.exec(stdout)?.[1] ?? "";
  const modules = join(folder, "user/node_modules");
  mkdirSync(join(modules, "postern"), { recursive: true });
  await run("tar", ["--extract", "--file", join(folder, tarball), "--strip-components=1"], {
    cwd: join(modules, "postern"),
  });
  const { dependencies } = JSON.parse(readFileSync("package.json", "utf8")) as { readonly dependencies: object };
  for (const name of [...Object.keys(dependencies), "@types/node"]) {
    mkdirSync(join(modules, name, ".."), { recursive: true });
    symlinkSync(join(repository, "node_modules", name), join(modules, name));
  }
  writeFileSync(join(folder, "user/package.json"), JSON.stringify({ type: "module" }));
}, 120_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a program in the user's folder. */
async function runThere(program: string): Promise<string> {
  const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", program], {
    cwd: join(folder, "user"),
  });
  return stdout;
}

it("holds the compiled relay and nothing of the workshop", () => {
  const top = readdirSync(join(folder, "user/node_modules/postern"));
  const dist = readdirSync(join(folder, "user/node_modules/postern/dist"));

  expect(top.toSorted()).toEqual(["LICENSE", "README.md", "dist", "package.json"]);
  expect(dist.toSorted()).toEqual(["protocol", "relay"]);
});

it("runs a relay inside another program, as docs/operations.md shows", async () => {
  const page = readFileSync("docs/operations.md", "utf8");
  const example = /## Inside another program\n.*?```js\n(.*?)```/s.exec(page)?.[1] ?? "";
  const program = `${example.replace('port: "8080"', 'port: "0"')}
    const answer = await fetch(\`http://127.0.0.1:\${port}/health\`);
    console.log((await answer.json()).status);
    await relay.stop();`;

  expect(example).toContain("createRelay");
  const lines = (await runThere(program)).split("\n");
  expect(lines.filter((line) => !line.startsWith("{"))).toEqual([
    expect.stringMatching(/^ws:\/\/127\.0\.0\.1:\d+$/),
    "healthy",
    "",
  ]);
});

it("gives the protocol to those who write clients, and no other file of the package", async () => {
  const program = `
    import { CloseCode, SUBPROTOCOL_V1 } from "postern/protocol";
    console.log(CloseCode.serviceRestart, SUBPROTOCOL_V1);
    console.log(await import("postern/dist/relay/relay.js").catch(({ code }) => code));`;

  expect(await runThere(program)).toBe("1012 postern.v1\nERR_PACKAGE_PATH_NOT_EXPORTED\n");
});

it("has types for both", async () => {
  const compilerOptions = { module: "nodenext", target: "es2024", strict: true, noEmit: true, types: ["node"] };
  writeFileSync(join(folder, "user/tsconfig.json"), JSON.stringify({ compilerOptions, files: ["user.ts"] }));
  writeFileSync(
    join(folder, "user/user.ts"),
    `import { type Config, createLogger, createRelay, loadConfig, type Relay, RelayError } from "postern";
import { CloseCode } from "postern/protocol";
const config: Config = loadConfig({ flags: {}, env: {} }).config;
export const relay: Relay = createRelay(config, { log: createLogger("info"), isPortChosen: false });
export const restart: 1012 = CloseCode.serviceRestart;
export const code = (error: unknown): string => (error instanceof RelayError ? error.code : "");
// @ts-expect-error: a relay needs a log
createRelay(config, { isPortChosen: false });
`,
  );

  await expect(run(tsc, ["-p", "."], { cwd: join(folder, "user") })).resolves.toMatchObject({ stdout: "" });
});
