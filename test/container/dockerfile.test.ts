import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { loadConfig } from "../../relay/config/load.ts";

type Instruction = { readonly name: string; readonly text: string };

const instructions = parse(readFileSync("Dockerfile", "utf8"));
const finalImage = instructions.slice(instructions.findLastIndex(({ name }) => name === "FROM"));
/** What `npm run build` compiles. */
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

it("keeps node's permission to bind low ports: sets it, and copies the binary with the owner and mode that it has", () => {
  expect(textsOf(instructions, "RUN").join()).toContain("setcap cap_net_bind_service=+ep /usr/local/bin/node");
  expect(textsOf(finalImage, "COPY")).toContain("--from=runtime /usr/local/bin/node /usr/local/bin/node");
});

it("starts node without a shell between, so that signals reach it and `check-config` can be put behind", () => {
  expect(textsOf(finalImage, "ENTRYPOINT")).toEqual(['["node", "/app/dist/relay/main.js"]']);
  expect(textsOf(finalImage, "CMD")).toEqual(['["serve"]']);
  expect(textsOf(finalImage, "STOPSIGNAL")).toEqual(["SIGTERM"]);
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
  const copied = textsOf(finalImage, "COPY").filter((text) => !text.startsWith("--from=runtime "));

  expect(copied).toEqual([
    "package.json ./",
    "--from=modules /app/node_modules ./node_modules",
    "--from=build /app/dist ./dist",
  ]);
  expect(textsOf(stage("modules"), "RUN")).toEqual([expect.stringMatching(/^npm ci --omit=dev\b/)]);
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
  expect(textsOf(instructions, "COPY").filter((text) => text.includes("client"))).toEqual([]);
});

it("takes no build arguments, secrets or downloads", () => {
  const suspicious = instructions.filter(
    ({ name, text }) => /^(ARG|ADD)$/.test(name) || /secret|token|password|\bcurl\b|\bwget\b|https?:/i.test(text),
  );

  expect(suspicious).toEqual([]);
});

it("sends to the builder what it compiles, and neither .git, node_modules nor anything else", () => {
  const lines = readFileSync(".dockerignore", "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));

  const wanted = ["package.json", "package-lock.json", "tsconfig.json", "tsconfig.build.json", ...compiled];
  expect(lines[0]).toBe("*");
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
