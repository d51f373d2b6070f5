import { execFile } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect } from "vitest";
import { Run } from "../support/process.ts";
import { itWithRegistry } from "../support/requires.ts";

const run = promisify(execFile);
const tsc = resolve("node_modules/.bin/tsc");
const it = itWithRegistry();

/** What the client has beside what is compiled. */
const CLIENT_TYPES = ["hyperswarm-types.d.ts", "imports.d.ts"];

/** Where the packages are made and installed. */
const scene = mkdtempSync(join(tmpdir(), "postern-packages-"));
/** Somebody who has installed the client alone, and somebody who has both. */
const [app, both] = [join(scene, "app"), join(scene, "both")];

/** Packs both as npm would, and installs them into empty folders. */
beforeAll(async () => {
  const relay = await pack(".");
  const client = await pack("client");
  await install(app, [client]);
  await install(both, [relay, client]);
}, 240_000);

afterAll(() => rmSync(scene, { recursive: true, force: true }));

/** Compiles and packs beside the repository, where others may be looking at `dist`. @returns the tarball. */
async function pack(folder: "." | "client"): Promise<string> {
  const packed = join(scene, "packed", folder);
  mkdirSync(packed, { recursive: true });
  const beside = ["package.json", "README.md", "LICENSE", ...(folder === "client" ? CLIENT_TYPES : [])];
  for (const path of beside) copyFileSync(join(folder, path), join(packed, path));
  const built = join(packed, "dist");
  if (folder === ".") await run(process.execPath, ["scripts/build-relay.ts", built]);
  else await run(tsc, ["-p", "client/tsconfig.build.json", "--outDir", built]);
  // Without its scripts: npm says the name of the tarball, and nothing else.
  const { stdout } = await run("npm", ["pack", "--ignore-scripts", "--silent", "--pack-destination", scene], {
    cwd: packed,
  });
  return join(scene, stdout.trim());
}

async function install(folder: string, tarballs: readonly string[]): Promise<void> {
  mkdirSync(folder);
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module", private: true }));
  await run("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", ...tarballs], { cwd: folder });
}

/** Runs a program in a user's folder. */
async function runIn(folder: string, program: string, flags: readonly string[] = []): Promise<string> {
  const { stdout } = await run(process.execPath, [...flags, "--input-type=module", "--eval", program], { cwd: folder });
  return stdout;
}

/** What a command of a package says. */
async function said(folder: string, command: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await run(join(folder, "node_modules/.bin", command), args);
  return stdout;
}

function filesIn(folder: string, path: string): readonly string[] {
  return readdirSync(join(folder, "node_modules", path)).toSorted();
}

it("holds what was compiled, and nothing of the workshop", () => {
  const top = ["LICENSE", "README.md", "dist", "package.json"];

  expect([filesIn(both, "postern"), filesIn(both, "postern/dist")]).toEqual([top, ["client", "protocol", "relay"]]);
  const ofClient = [...top, ...CLIENT_TYPES].toSorted();
  expect([filesIn(app, "postern-client"), filesIn(app, "postern-client/dist")]).toEqual([
    ofClient,
    ["client", "protocol"],
  ]);
  expect(readFileSync("client/LICENSE", "utf8")).toBe(readFileSync("LICENSE", "utf8"));
});

it("brings ws with the client, and no other package", () => {
  const packages = filesIn(app, "").filter((name) => !name.startsWith("."));

  expect(packages).toEqual(["postern-client", "ws"]);
});

it("has a command in each package, and the client's in both", async () => {
  const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { readonly version: string };

  expect(await said(app, "postern-client", "--version")).toBe(`${version}\n`);
  expect(await said(both, "postern", "--version")).toBe(`${version}\n`);
  expect(await said(app, "postern-client", "join", "--help")).toContain("Usage: postern-client join <relay> [topic]");
  expect(await said(both, "postern", "join", "--help")).toContain("Usage: postern join <relay> [topic]");
  expect(existsSync(join(app, "node_modules/.bin/postern"))).toBe(false);
});

it.each([
  ["node.js", []],
  ["bun/index.js", ["--conditions=bun"]],
  ["index.js", ["--conditions=deno"]],
  ["index.js", ["--conditions=workerd"]],
  ["index.js", ["--conditions=browser"]],
])("resolves to %s with %j: Bun and Deno take the condition of Node too", async (file, flags) => {
  const program = `import { PosternError } from "postern-client";
    console.log(new PosternError("closed").code, import.meta.resolve("postern-client"));`;

  expect(await runIn(app, program, flags)).toMatch(new RegExp(`^closed file://.*/dist/client/${file}\\n$`));
});

it("has entries of its own for Bare, for all that is one there", async () => {
  const program = `for (const entry of ["", "/streams", "/identity", "/mailbox", "/signed-relays", "/hyperswarm"])
    console.log(import.meta.resolve("postern-client" + entry).replace(/.*\\/dist\\/client\\//, ""));`;

  expect((await runIn(app, program, ["--conditions=bare"])).trim().split("\n")).toEqual(
    ["index", "streams", "identity", "mailbox", "signed-relays", "hyperswarm"].map((name) => `bare/${name}.js`),
  );
});

it("gives each of its entries to an app that has installed nothing else, but for those that need Hyperswarm", async () => {
  const program = `import { readFileSync } from "node:fs";
    const { exports } = JSON.parse(readFileSync("node_modules/postern-client/package.json", "utf8"));
    const entries = Object.keys(exports).filter((entry) => !/hyperswarm|json/.test(entry));
    for (const entry of entries) console.log(entry, Object.keys(await import("postern-client" + entry.slice(1))).length > 0);`;

  const lines = (await runIn(app, program)).trim().split("\n");

  expect(lines).toContain("./signed-relays true");
  expect(lines.filter((line) => !line.endsWith(" true"))).toEqual([]);
});

it("gives streams with each of them, on whatever runtime, and as Node's own", async () => {
  const program = `import { PosternError } from "postern-client";
    import { toDuplex } from "postern-client/node-streams";
    import { StreamError, streamsOf } from "postern-client/streams";
    console.log(typeof streamsOf, typeof toDuplex, new StreamError({}) instanceof PosternError);`;

  expect(await runIn(app, program)).toBe("function function true\n");
  expect(await runIn(app, program, ["--conditions=browser"])).toBe("function function true\n");
});

it("speaks of itself when it starts, and not of a checkout; and brings the scripts of its pages", async () => {
  const relay = new Run(["serve"], {
    command: join(both, "node_modules/.bin/postern"),
    env: { PORT: "0", HOST: "127.0.0.1", TLS: "off" },
  });
  const [, port] = await relay.printed(/"port":(\d+)/);
  await relay.printed(/my-topic/);

  const scripts = await Promise.all(
    ["page", "doctor"].map((name) => fetch(`http://127.0.0.1:${port}/try-it/${name}.js`)),
  );

  expect(relay.stderr).toContain(`postern join ws://127.0.0.1:${port} my-topic`);
  expect(relay.stderr).not.toMatch(/npm|checkout/);
  for (const script of scripts) {
    expect(script.status).toBe(200);
    expect(await script.text()).toContain("postern.v1");
  }
});

it("runs a relay inside another program, as docs/embedding.md shows", async () => {
  const program = `${exampleOf("# Inside another program").replace('port: "8080"', 'port: "0"')}
    const answer = await fetch(\`http://127.0.0.1:\${port}/health\`);
    console.log((await answer.json()).status);
    await relay.stop();`;

  expect(program).toContain("createRelay");
  const lines = (await runIn(both, program)).split("\n");
  expect(lines.filter((line) => !line.startsWith("{"))).toEqual([
    expect.stringMatching(/^ws:\/\/127\.0\.0\.1:\d+$/),
    "healthy",
    "",
  ]);
});

it("starts and stops a relay for the tests of an app, as docs/embedding.md shows", async () => {
  const printed = await runIn(both, exampleOf("## In the tests of an app"));

  expect(printed).toMatch(/^wss:\/\/127\.0\.0\.1:\d+ ([0-9A-F]{2}:){31}[0-9A-F]{2}\n$/);
});

it.each([
  ["postern", both],
  ["postern-client", app],
])("gives the protocol to those who write clients, and no other file of %s", async (name, folder) => {
  const program = `
    import { CloseCode, SUBPROTOCOL_V1 } from "${name}/protocol";
    console.log(CloseCode.serviceRestart, SUBPROTOCOL_V1);
    console.log(await import("${name}/dist/protocol/limits.js").catch(({ code }) => code));`;

  expect(await runIn(folder, program)).toBe("1012 postern.v1\nERR_PACKAGE_PATH_NOT_EXPORTED\n");
});

it("has types for programs that run relays", async () => {
  const program = `import { type Config, createLogger, createRelay, loadConfig, type Relay, RelayError } from "postern";
import { CloseCode } from "postern/protocol";
import { startTestRelay, type TestRelay } from "postern/testing";
const config: Config = loadConfig({ flags: {}, env: {} }).config;
export const relay: Relay = createRelay(config, { log: createLogger("info"), isPortChosen: false });
export const restart: 1012 = CloseCode.serviceRestart;
export const code = (error: unknown): string => (error instanceof RelayError ? error.code : "");
export const test: Promise<TestRelay> = startTestRelay({ tls: false });
// @ts-expect-error: a relay needs a log
createRelay(config, { isPortChosen: false });
`;

  expect(await compileIn(both, program, { types: ["node"] })).toBe("");
});

it.each([
  ["a browser", { lib: ["es2024", "dom", "esnext.disposable"], module: "esnext", moduleResolution: "bundler" }],
  ["Node", { lib: ["es2024", "esnext.disposable"], types: ["node"] }],
])("has types for apps, complete on %s, those of the package itself looked at", async (_, options) => {
  const program = `import { ConnectError, type ConnectOptions, PosternError, type Relay, type Topic } from "postern-client";
import { CloseCode } from "postern-client/protocol";
import { type PeerStream, StreamError, streamsOf } from "postern-client/streams";
export const open = (topic: Topic): Promise<PeerStream> => streamsOf(topic).open("peer", "label");
export const reasonOf = (error: unknown): number => (error instanceof StreamError ? error.reasonCode : 0);
export const options: ConnectOptions = { token: async () => "t", tls: { fingerprint: "AB" } };
export async function use(relay: Relay): Promise<string> {
  await using topic: Topic = await relay.join("t", { signal: AbortSignal.timeout(1000) });
  await topic.broadcast(new Uint8Array([1]));
  for await (const { peer, text } of topic.messages()) return peer.id + text;
  return "";
}
export const restart: 1012 = CloseCode.serviceRestart;
export const status = (error: PosternError): number | undefined =>
  error instanceof ConnectError ? error.status : undefined;
// @ts-expect-error: no such code
new PosternError("nonsense");
`;

  expect(await compileIn(app, program, { skipLibCheck: false, ...options })).toBe("");
});

it("has types for apps on Hyperswarm, which bring those that its packages lack", async () => {
  const folder = join(scene, "swarm");
  cpSync(join(app, "node_modules/postern-client"), join(folder, "node_modules/postern-client"), { recursive: true });
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module", private: true }));
  mkdirSync(join(folder, "node_modules/@hyperswarm"));
  for (const name of ["hyperswarm", "hyperdht", "@hyperswarm/secret-stream", "hypercore-crypto", "streamx"]) {
    symlinkSync(resolve("node_modules", name), join(folder, "node_modules", name));
  }
  const program = `import Hyperswarm from "hyperswarm";
import { hyperswarm, RelayDHT } from "postern-client/hyperswarm";
const swarm: Hyperswarm = hyperswarm({ relays: ["wss://relay.example.com"], maxPeers: 3 });
swarm.on("connection", (connection, { topics }) => {
  const key: Buffer = connection.remotePublicKey;
  connection.write(topics[0] ?? key);
});
const keyPair = RelayDHT.keyPair();
const other = new Hyperswarm({ keyPair, dht: new RelayDHT({ relays: "wss://relay.example.com", keyPair }) });
export const isFlushed: boolean = await other.join(Buffer.alloc(32), { client: false }).flushed();
// @ts-expect-error: no address
hyperswarm({ relays: 3 });
`;

  expect(await compileIn(folder, program, { skipLibCheck: false, types: ["node"] })).toBe("");
});

/** The example below this heading. */
function exampleOf(heading: string): string {
  const page = readFileSync("docs/embedding.md", "utf8");
  return page.slice(page.indexOf(`${heading}\n`)).match(/```js\n(.*?)```/s)?.[1] ?? "";
}

/** @returns what the compiler complains of. */
async function compileIn(folder: string, program: string, options: object): Promise<string> {
  const common = { module: "nodenext", target: "es2024", strict: true, noEmit: true, skipLibCheck: true, types: [] };
  // The tool of whoever writes an app, as they would have it beside the package.
  const typeRoots = [resolve("node_modules/@types")];
  const compilerOptions = { ...common, typeRoots, ...options };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["user.ts"] }));
  writeFileSync(join(folder, "user.ts"), program);
  return run(tsc, ["-p", "."], { cwd: folder }).then(
    ({ stdout }) => stdout,
    ({ stdout }: { readonly stdout: string }) => stdout,
  );
}
