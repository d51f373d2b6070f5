import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { probeText } from "../../client/cli/probe-metrics.ts";
import { causes } from "../../client/doctor/common/causes.ts";
import { run } from "../../relay/cli/program.ts";
import { JoinScene as Scene } from "../support/join-scene.ts";
import { startRelay } from "../support/relay.ts";
import { WayProxy } from "../support/way-proxy.ts";

/** Nothing listens there. */
const NOBODY = "wss://127.0.0.1:1";

it("prints what it sees of a relay that is reached, as Prometheus reads it", async () => {
  const relay = await startRelay();
  const folder = temporaryFolder();
  writeFileSync(join(folder, "ca.pem"), relay.certificate ?? "");
  const scene = new Scene().reading();
  const beganMs = Date.now();

  expect(await scene.run("probe", `${relay.url}/?token=hidden`, "--ca-file", join(folder, "ca.pem"))).toBe(0);

  const values = valuesIn(scene.printed);
  expect(values).toMatchObject({ postern_probe_success: 1, "postern_probe_check_success long poll": 1 });
  for (const check of ["tcp", "tls", "upgrade", "join", "round trip", "long poll"]) {
    expect(values[`postern_probe_check_seconds ${check}`], check).toBeLessThan(30);
  }
  expect(values["postern_probe_timestamp_seconds"]).toBeGreaterThanOrEqual(beganMs / 1000);
  expect(values["postern_probe_certificate_not_after_seconds"]).toBeGreaterThan(beganMs / 1000);
  expect(scene.printed).not.toContain("postern_probe_cause");
  expect(scene.printed).toContain(`{relay="${relay.url.replace(/\/$/, "")}"} 1\n`);
  expect(scene.printed + scene.said).not.toContain("hidden");
  expect(scene.said).toBe("");
  // Each metric is introduced once, before its values.
  const introduced = [...scene.printed.matchAll(/^# TYPE (\w+) gauge$/gm)].map(([, name]) => name);
  expect(new Set(introduced).size).toBe(introduced.length);
  expect(new Set([...scene.printed.matchAll(/^(\w+)\{/gm)].map(([, name]) => name))).toEqual(new Set(introduced));
});

it("says what stops an app, and exits with the code of the cause", async () => {
  const scene = new Scene().reading();

  expect(await scene.run("probe", NOBODY)).toBe(causes["port-refused"].exitCode);

  expect(valuesIn(scene.printed)).toMatchObject({
    postern_probe_success: 0,
    "postern_probe_cause port-refused": 1,
    "postern_probe_check_success tcp": 0,
  });
  expect(scene.said).toMatch(/^FAILED {2}tcp .*ECONNREFUSED\nConnections to .* \(port-refused\)\n$/);
});

it("says what apps only get past, which is a success", async () => {
  const relay = await startRelay({ tls: "off" });
  const proxy = await WayProxy.to(relay.port, "strip");
  const scene = new Scene().reading();

  expect(await scene.run("probe", proxy.url)).toBe(0);

  expect(valuesIn(scene.printed)).toMatchObject({
    postern_probe_success: 1,
    "postern_probe_cause upgrade-stripped": 1,
    "postern_probe_check_success upgrade": 0,
    "postern_probe_check_success long poll": 1,
  });
});

it("puts the metrics into a file, whole and for all to read, in the place of the last ones", async () => {
  const file = join(temporaryFolder(), "postern.prom");
  writeFileSync(file, "from before\n");
  const before = statSync(file).ino;
  const scene = new Scene().reading();

  expect(await scene.run("probe", NOBODY, "--textfile", file)).toBe(21);

  expect(scene.printed).toBe("");
  expect(valuesIn(readFileSync(file, "utf8"))).toMatchObject({ postern_probe_success: 0 });
  expect(statSync(file).ino).not.toBe(before);
  expect(statSync(file).mode & 0o044).toBe(0o044);
  expect(readdirSync(join(file, ".."))).toEqual(["postern.prom"]);
});

it("says that the file cannot be written, and leaves nothing beside it", async () => {
  const folder = temporaryFolder();
  const scene = new Scene().reading();

  expect(await scene.run("probe", NOBODY, "--textfile", join(folder, "nowhere", "postern.prom"))).toBe(1);
  // A folder cannot be replaced by a file.
  expect(await scene.run("probe", NOBODY, "--textfile", folder)).toBe(1);

  expect(scene.said).toContain("postern-client probe: ENOENT");
  expect(readdirSync(folder)).toEqual([]);
  expect(readdirSync(join(folder, "..")).filter((name) => name.startsWith(`.${folder.split("/").at(-1)}`))).toEqual([]);
});

it.each([
  ["no address", []],
  ["two addresses", [NOBODY, NOBODY]],
  ["no relay's address", ["https://relay.example.com"]],
  ["an unknown option", [NOBODY, "--unknown"]],
  ["a file without a name", [NOBODY, "--textfile", ""]],
])("refuses %s", async (_, words) => {
  const scene = new Scene().reading();

  expect(await scene.run("probe", ...words)).toBe(2);

  expect(scene.printed).toBe("");
  expect(scene.said).toMatch(/^postern-client probe: .*\nSee postern-client probe --help\n$/);
});

it("is a command of the relay's program too, as the doctor is", async () => {
  const { stdout, stderr, stdin, signals } = new Scene();
  const printed: Buffer[] = [];
  stdout.on("data", (chunk: Buffer) => printed.push(chunk));

  expect(await run(["probe", NOBODY], { env: {}, stdin, stdout, stderr, signals })).toBe(21);
  expect(await run(["doctor", NOBODY], { env: {}, stdin, stdout, stderr, signals })).toBe(21);

  expect(Buffer.concat(printed).toString()).toMatch(/postern_probe_success.* 0\n[^]*FAILED {2}tcp/);
});

it("lets no address break a line or a label", () => {
  const verdict = { works: true, sentence: "", hindrance: undefined } as const;

  const text = probeText({ address: 'wss://a/"\n\\x', findings: [], verdict, tookMs: 1, endedAtMs: 0 });

  expect(text).toContain('postern_probe_success{relay="wss://a/\\"\\n\\\\x"} 1\n');
});

/** The values of a text of metrics, by `name label`; the label `relay` is left out. */
function valuesIn(text: string): Readonly<Record<string, number>> {
  return Object.fromEntries(
    [...text.matchAll(/^(\w+)\{relay="[^"]*"(?:,\w+="([^"]*)")?\} (\S+)$/gm)].map(([, name = "", word, value]) => [
      word === undefined ? name : `${name} ${word}`,
      Number(value),
    ]),
  );
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "postern-probe-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
