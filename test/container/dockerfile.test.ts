import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { loadConfig } from "../../relay/config/load.ts";

type Instruction = { readonly name: string; readonly text: string };

const instructions = parse(readFileSync("Dockerfile", "utf8"));
const finalImage = instructions.slice(instructions.findLastIndex(({ name }) => name === "FROM"));
/** What `npm run build:relay` compiles. */
const { include: compiled } = JSON.parse(readFileSync("tsconfig.build.json", "utf8")) as { readonly include: string[] };

it("builds on Node 24 and Debian bookworm, and on nothing else", () => {
  const sources = textsOf(instructions, "FROM").map((text) => text.split(" ")[0]);

  expect(new Set(sources)).toEqual(new Set(["node:24-bookworm-slim", "debian:bookworm-slim"]));
});

it("runs as an ordinary user, named by a number", () => {
  expect(textsOf(finalImage, "USER")).toEqual(["1000:1000"]);
});

it("gives that user alone the folder where the relay keeps certificates, and so a new volume that is mounted there", () => {
  const { config } = loadConfig({ flags: {}, env: {} });

  const made = new RegExp(`install .*--owner=node .*--mode=0700 ${config.stateDirectory}( |$)`);
  expect(textsOf(finalImage, "RUN").join()).toMatch(made);
});

// Railway refuses to build a file with VOLUME. Without a name a volume is lost with its container all the same.
it("declares no volume", () => {
  expect(textsOf(instructions, "VOLUME")).toEqual([]);
});

it("sets the right to bind low ports in the last stage, on a small program: builders lose it when a file is copied", () => {
  const elsewhere = instructions.filter((one) => !finalImage.includes(one) && /setcap cap_/.test(one.text));

  expect(textsOf(finalImage, "RUN").join()).toContain("setcap cap_net_bind_service=+p /usr/local/lib/postern/setpriv");
  expect(elsewhere).toEqual([]);
  expect(textsOf(finalImage, "COPY")).toContain("--from=modules /usr/local/bin/node /usr/local/bin/node");
});

it("says in words why it does not build where a builder cannot do that", () => {
  const run = textsOf(finalImage, "RUN").join();

  for (const check of ["setcap cap_net_bind_service", "CapEff:", "grep --quiet libjemalloc"])
    expect(run).toContain(check);
  expect([...run.matchAll(/\|\| \{ echo '[^']{60,}' >&2; exit 1; \}/g)]).toHaveLength(3);
});

it("starts node in the place of its command, so that signals reach it and `check-config` can be put behind", () => {
  const command = readFileSync("infra/container/postern", "utf8");

  expect(textsOf(finalImage, "ENTRYPOINT")).toEqual(['["postern"]']);
  expect(textsOf(finalImage, "CMD")).toEqual(['["serve"]']);
  expect(textsOf(finalImage, "STOPSIGNAL")).toEqual(["SIGTERM"]);
  expect(command).toContain('relay="node /app/dist/relay/main.js"');
  expect(command.trim().split("\n").slice(-2)).toEqual([
    'if $grant true 2>/dev/null; then exec $grant $relay "$@"; fi',
    'exec $relay "$@"',
  ]);
});

it.each([
  ["with the right to low ports where it may have that", "exit 0", "granted relay serve --tls off"],
  ["without it where it may not", "exit 1", "relay serve --tls off"],
])("has a command that starts the relay %s", (_, grants, started) => {
  const folder = mkdtempSync(join(tmpdir(), "postern-command-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const grant = `#!/bin/sh\n[ "$1" != true ] || ${grants}\necho granted "$@"\n`;
  writeFileSync(join(folder, "grant"), grant, { mode: 0o755 });
  const command = readFileSync("infra/container/postern", "utf8")
    .replace(/^grant=.*$/m, `grant=${folder}/grant`)
    .replace(/^relay=.*$/m, 'relay="echo relay"');

  const said = execFileSync("sh", ["-c", command, "postern", "serve", "--tls", "off"], { encoding: "utf8" });

  expect(said.trim().replace("granted echo", "granted")).toBe(started);
});

it("asks for its health with the relay's own command", () => {
  expect(textsOf(finalImage, "HEALTHCHECK")).toEqual([
    expect.stringMatching(/^--interval=\d+s .*CMD \["node", "\/app\/dist\/relay\/main\.js", "health"\]$/),
  ]);
});

it("chooses the port, so that the relay does not fall back to one that nobody forwards to", () => {
  expect(textsOf(finalImage, "ENV").join(" ")).toMatch(/\bPORT=443\b/);
  expect(textsOf(finalImage, "EXPOSE")).toEqual(["443"]);
});

it("has modules of `npm ci --omit=dev` and compiled code, and nothing else of the repository", () => {
  expect(textsOf(finalImage, "COPY")).toEqual([
    "--from=modules /etc/passwd /etc/group /etc/",
    "--from=modules /usr/local/bin/node /usr/local/bin/node",
    "--from=packages /out/ /usr/local/",
    "infra/container/postern /usr/local/bin/postern",
    "package.json ./",
    "--from=modules /app/node_modules ./node_modules",
    "--from=build /app/dist ./dist",
  ]);
  expect(textsOf(stage("modules"), "RUN")).toEqual([
    expect.stringMatching(/&& \{ npm ci --omit=dev --ignore-scripts \|\| /),
  ]);
});

it("needs no workspace: npm passes over one whose folder was not copied", () => {
  const folder = mkdtempSync(join(tmpdir(), "postern-workspace-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const { workspaces } = JSON.parse(readFileSync("package.json", "utf8")) as { readonly workspaces: string[] };
  const link = { resolved: "client", link: true };
  const packages = { "": { workspaces }, client: { name: "postern-client" }, "node_modules/postern-client": link };
  writeFileSync(join(folder, "package.json"), JSON.stringify({ workspaces }));
  writeFileSync(join(folder, "package-lock.json"), JSON.stringify({ lockfileVersion: 3, requires: true, packages }));

  execFileSync("npm", ["ci", "--offline", "--omit=dev", "--ignore-scripts"], { cwd: folder, stdio: "pipe" });

  expect(workspaces).toEqual(["client"]);
  expect(existsSync(join(folder, "node_modules/postern-client"))).toBe(false);
  const [installs, copies] = ["RUN", "COPY"].map((name) =>
    stage("build").findIndex((one) => one.name === name && /npm ci|client/.test(one.text)),
  );
  expect(copies).toBeGreaterThan(installs ?? 0);
  expect(textsOf(stage("modules"), "COPY").filter((text) => text.includes("client"))).toEqual([]);
});

it("takes the authority of a proxy for what it downloads, and nothing else; the image and its history have none of it", () => {
  const downloads = instructions.filter(({ text }) => /\bnpm ci\b|\bapt-get (update|install)\b/.test(text));

  expect(new Set(textsOf(instructions, "ARG"))).toEqual(new Set(['EXTRA_CA=""']));
  expect(finalImage.filter(({ name, text }) => name === "ARG" || text.includes("EXTRA_CA"))).toEqual([]);
  expect(downloads).toHaveLength(3);
  // Builders run stages side by side: each says what to give.
  for (const { text } of downloads.slice(0, 2)) expect(text).toContain('--build-arg EXTRA_CA="$(cat ca.pem)"');
  for (const { text } of downloads) expect(text).toMatch(/^if \[ -n "\$EXTRA_CA" \]; then /);
  expect(downloads.filter((one) => finalImage.includes(one))).toEqual([]);
});

it("builds with what the classic builder has: no mounts, no heredocs, no flags of BuildKit", () => {
  const newer = instructions.filter(({ text }) =>
    /--mount=|--chmod=|--link|--parents |<</.test(text.replace("mkdir --parents", "")),
  );

  expect(newer).toEqual([]);
  expect(readFileSync("Dockerfile", "utf8")).not.toMatch(/^# *syntax=/m);
});

it("takes no secrets and no downloads by hand", () => {
  const suspicious = instructions.filter(
    ({ name, text }) => name === "ADD" || /secret|token|password|\bcurl\b|\bwget\b|https?:\/\//i.test(text),
  );

  expect(suspicious).toEqual([]);
});

it("sends to the builder what it compiles, and neither .git, node_modules nor anything else", () => {
  const lines = readFileSync(".dockerignore", "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));

  const wanted = [
    "package.json",
    "package-lock.json",
    "tsconfig.json",
    "tsconfig.build.json",
    "infra/container",
    ...compiled,
    // The script of the try-it page, and what makes one file of it.
    "page",
    "scripts/build-page.ts",
    "scripts/build-relay.ts",
  ];
  expect(lines[0]).toBe("*");
  expect(lines.slice(lines.findLastIndex((line) => line.startsWith("!")) + 1)).toEqual(
    expect.arrayContaining(["**/dist", "**/node_modules"]),
  );
  expect(lines.filter((line) => line.startsWith("!")).toSorted()).toEqual(wanted.map((path) => `!${path}`).toSorted());
});

/** The instructions in order, each on one line, without comments. */
function parse(dockerfile: string): readonly Instruction[] {
  return dockerfile
    .replace(/^#.*\n/gm, "")
    .replace(/\\\n\s*/g, "")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [name = ""] = line.split(" ", 1);
      return { name, text: line.slice(name.length + 1) };
    });
}

function textsOf(those: readonly Instruction[], name: string): readonly string[] {
  return those.filter((instruction) => instruction.name === name).map(({ text }) => text);
}

/** The instructions of one stage behind its FROM. */
function stage(name: string): readonly Instruction[] {
  const start = instructions.findIndex((instruction) => instruction.text.endsWith(` AS ${name}`));
  const end = instructions.findIndex((instruction, at) => at > start && instruction.name === "FROM");
  return instructions.slice(start + 1, end);
}
