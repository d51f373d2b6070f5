import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { loadConfig } from "../../relay/config/load.ts";
import { itWithCommands } from "../support/requires.ts";
import { problemsOf, variablesOf } from "./deployed-options.ts";

/** systemd's measure of what a service could do to the machine, from 0 to 10; most services have above 9. */
const MAX_EXPOSURE = 1.4;

const unit = readFileSync("infra/systemd/postern.service", "utf8");
const options = readFileSync("infra/systemd/postern.env", "utf8");
const itWithSystemd = itWithCommands("systemd-analyze", "systemctl", "systemd-sysusers");

it("gives the relay only options that it has, in the unit and in the file of options", () => {
  const inUnit = Object.fromEntries(
    valuesOf("Environment").flatMap((line) => line.split(" ").map((pair) => pair.split("=") as [string, string])),
  );

  expect(inUnit).toEqual({ NODE_ENV: "prod", PORT: "443" });
  expect(variablesOf(options)).toHaveProperty("TLS", "acme");
  expect(problemsOf({ ...inUnit, ...variablesOf(options) })).toEqual([]);
});

it("has every option in the file commented out: it says nothing until the operator does", () => {
  expect(options.split("\n").filter((line) => line !== "" && !line.startsWith("#"))).toEqual([]);
});

it("gives the relay time to drain, files for all its connections, and the state directory that it uses", () => {
  const { config } = loadConfig({ flags: {}, env: {} });

  expect(Number.parseInt(valuesOf("TimeoutStopSec")[0] ?? "", 10) * 1000).toBeGreaterThan(config.drainTimeoutMs + 2000);
  expect(Number(valuesOf("LimitNOFILE")[0])).toBeGreaterThan(config.maxConnections + 256);
  expect(`/var/lib/${valuesOf("StateDirectory")[0]}`).toBe(config.stateDirectory);
});

itWithSystemd("is taken by systemd without a warning, once it is installed", () => {
  const { root, installed } = installation();
  const unitFile = join(root, "postern.service");
  writeFileSync(unitFile, read(root, "/etc/systemd/system/postern.service").replaceAll("/opt/", `${root}/opt/`));

  const { status, stdout, stderr } = spawnSync("systemd-analyze", ["verify", unitFile], { encoding: "utf8" });

  expect(installed).toContain("start the service at boot");
  expect(warningsAbout("postern.service", stdout + stderr)).toEqual([]);
  expect(status).toBe(0);
});

itWithSystemd("has a probe and its timer, which systemd takes without a warning", () => {
  const { root } = installation();
  const files = ["postern-probe.service", "postern-probe.timer"].map((name) => {
    const file = join(root, name);
    writeFileSync(file, readFileSync(`infra/systemd/${name}`, "utf8").replaceAll("/opt/", `${root}/opt/`));
    return file;
  });

  const { stdout, stderr } = spawnSync("systemd-analyze", ["verify", ...files], { encoding: "utf8" });

  expect(warningsAbout("postern-probe", stdout + stderr)).toEqual([]);
});

itWithSystemd.each(["postern", "postern-probe"])(
  "can do little to the machine, by systemd's own measure: %s",
  (name) => {
    const { status, stdout } = spawnSync(
      "systemd-analyze",
      ["security", "--offline=true", `--threshold=${MAX_EXPOSURE * 10}`, `infra/systemd/${name}.service`],
      { encoding: "utf8" },
    );

    const [, exposure] = new RegExp(`Overall exposure level for ${name}\\.service: ([\\d.]+)`).exec(stdout) ?? [];
    expect(Number(exposure)).toBeLessThanOrEqual(MAX_EXPOSURE);
    expect(status).toBe(0);
  },
);

itWithSystemd("is installed with what it needs at run time, and nothing else", () => {
  const { root } = installation();

  const there = spawnSync("find", [".", "-type", "f"], { cwd: join(root, "opt/postern"), encoding: "utf8" }).stdout;
  expect(there.split("\n").filter(Boolean).toSorted()).toEqual([
    "./bin/node",
    "./dist/relay/main.js",
    "./node_modules/used/index.js",
    "./node_modules/used/node_modules/nested/index.js",
    "./package.json",
  ]);
  expect(modeOf(root, "/opt/postern/bin/node")).toBe("755");
  expect(modeOf(root, "/opt/postern/dist/relay/main.js")).toBe("644");
  expect(modeOf(root, "/etc/postern/postern.env")).toBe("600");
  // The relay's user reads keys of the operator's below it.
  expect(modeOf(root, "/etc/postern")).toBe("755");
  expect(read(root, "/etc/passwd")).toMatch(/^postern:.*:\/var\/lib\/postern:\/usr\/sbin\/nologin$/m);
  expect(read(root, "/etc/systemd/system/postern.service")).toBe(unit);
});

itWithSystemd("is installed twice without a change, and keeps the operator's options", () => {
  const { root, from } = installation();
  const optionsFile = join(root, "etc/postern/postern.env");
  writeFileSync(optionsFile, "PORT=8443\n");

  const again = script("install", "--root", root, "--from", from);

  expect(again.lines.length).toBe(6);
  expect(again.lines.filter((line) => !line.startsWith("as it should be: "))).toEqual([]);
  expect(readFileSync(optionsFile, "utf8")).toBe("PORT=8443\n");
});

itWithSystemd("is brought up to date: changed files come, others go", () => {
  const { root, from } = installation();
  writeFileSync(join(from, "dist/relay/main.js"), "// the next version\n");
  rmSync(join(from, "node_modules/used/node_modules"), { recursive: true });

  const again = script("install", "--root", root, "--from", from);

  expect(again.lines).toContain("copy the relay and its node to /opt/postern");
  expect(read(root, "/opt/postern/dist/relay/main.js")).toBe("// the next version\n");
  expect(existsSync(join(root, "opt/postern/node_modules/used/node_modules"))).toBe(false);
  expect(existsSync(join(root, "opt/postern.last"))).toBe(false);
});

it("says what it would do, and does nothing", () => {
  const root = temporaryFolder();
  const from = checkout();

  const { lines, status } = script("install", "--dry-run", "--root", root, "--from", from);
  const away = script("uninstall", "--dry-run", "--purge", "--root", root);

  expect(lines).toContain("to do: copy the relay and its node to /opt/postern");
  expect(lines.every((line) => line.startsWith("to do: "))).toBe(true);
  expect([status, away.status]).toEqual([0, 0]);
  expect(spawnSync("ls", ["-A", root], { encoding: "utf8" }).stdout).toBe("");
});

it("is not installed from a checkout that was not built", () => {
  const from = checkout();
  rmSync(join(from, "dist"), { recursive: true });

  const { status, stderr } = script("install", "--root", temporaryFolder(), "--from", from);

  expect(status).toBe(1);
  expect(stderr).toMatch(/^install: .*run "npm ci" and "npm run build" first$/m);
});

itWithSystemd("is taken away with what an interrupted copy and a link that leads nowhere have left", () => {
  const { root } = installation();
  for (const beside of ["postern.next", "postern.last"]) mkdirSync(join(root, "opt", beside));
  rmSync(join(root, "etc/sysusers.d/postern.conf"));
  symlinkSync("/nowhere", join(root, "etc/sysusers.d/postern.conf"));

  script("uninstall", "--purge", "--root", root);

  const left = spawnSync("find", [root, "-name", "*postern*"], { encoding: "utf8" }).stdout.split("\n").filter(Boolean);
  expect(left.filter((path) => path !== root)).toEqual([]);
});

it.each(["install", "uninstall"] as const)("has for an unknown flag of %s one line, and no stack", (name) => {
  const { stderr, status } = script(name, "--unknown");

  expect(stderr).toMatch(new RegExp(`^${name}: .*--unknown.*\n$`));
  expect(status).toBe(1);
});

itWithSystemd("is taken away, and keeps options and state until it is told to purge", () => {
  const { root } = installation();
  mkdirSync(join(root, "var/lib/postern"), { recursive: true });

  const first = script("uninstall", "--root", root);
  const kept = ["etc/postern/postern.env", "var/lib/postern"].filter((path) => existsSync(join(root, path)));
  const second = script("uninstall", "--root", root);
  const purge = script("uninstall", "--purge", "--root", root);

  expect([first.status, second.status, purge.status]).toEqual([0, 0, 0]);
  expect(kept.length).toBe(2);
  expect(second.lines.filter((line) => line.startsWith("remove"))).toEqual([]);
  const left = spawnSync("find", [root, "-name", "*postern*"], { encoding: "utf8" }).stdout.split("\n").filter(Boolean);
  expect(left.filter((path) => path !== root)).toEqual([]);
});

/** The values of a setting of the unit, in order. */
function valuesOf(setting: string): readonly string[] {
  return [...unit.matchAll(new RegExp(`^${setting}=(.*)$`, "gm"))].map(([, value = ""]) => value);
}

/** What systemd-analyze says of a unit. Of other units on the machine it says things too. */
function warningsAbout(name: string, output: string): readonly string[] {
  return output.split("\n").filter((line) => line.includes(name));
}

/** An installation in a folder, of a checkout made for the test. */
function installation(): { readonly root: string; readonly from: string; readonly installed: readonly string[] } {
  const root = temporaryFolder();
  const from = checkout();
  const { lines, status, stderr } = script("install", "--root", root, "--from", from);
  if (status !== 0) throw new Error(stderr);
  return { root, from, installed: lines };
}

function checkout(): string {
  const folder = temporaryFolder();
  const lock = {
    packages: {
      "": { name: "postern" },
      "node_modules/used": {},
      "node_modules/used/node_modules/nested": {},
      "node_modules/only-for-tests": { dev: true },
    },
  };
  const files = {
    "package.json": "{}",
    "package-lock.json": JSON.stringify(lock),
    "dist/relay/main.js": "// a relay\n",
    "dist/relay/main.d.ts": "",
    "node_modules/used/index.js": "",
    "node_modules/used/index.js.map": "",
    "node_modules/used/node_modules/nested/index.js": "",
    "node_modules/only-for-tests/index.js": "",
    "relay/main.ts": "",
  };
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  return folder;
}

function script(
  name: "install" | "uninstall",
  ...args: readonly string[]
): { readonly lines: readonly string[]; readonly status: number | null; readonly stderr: string } {
  // Not the node that runs the tests: it is large, and copied in every test.
  const node = name === "install" ? ["--node", "/bin/true"] : [];
  const command = ["node_modules/.bin/node", `scripts/${name}.ts`, ...args, ...node];
  // As careful an umask as an administrator may have.
  const { stdout, stderr, status } = spawnSync("sh", ["-c", 'umask 077; exec "$0" "$@"', ...command], {
    encoding: "utf8",
  });
  return { lines: stdout.split("\n").flatMap((line) => (line === "" ? [] : [line.trim()])), status, stderr };
}

function read(root: string, path: string): string {
  return readFileSync(join(root, path), "utf8");
}

function modeOf(root: string, path: string): string {
  return (statSync(join(root, path)).mode & 0o777).toString(8);
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "postern-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}
