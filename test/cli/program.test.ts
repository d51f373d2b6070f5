import { EventEmitter } from "node:events";
import { expect, it } from "vitest";
import { run } from "../../relay/cli/program.ts";
import { optionRows } from "../../relay/config/options.ts";
import { eventually } from "../support/eventually.ts";
import { collector } from "../support/relay.ts";

it("lists every option with its variable, range and default in --help", async () => {
  const { exitCode, stdout } = await runWith(["serve", "--help"]);

  const help = stdout.replace(/\s+/g, " ");
  for (const [, option] of optionRows()) {
    if (option.flag === undefined) {
      expect(help).toContain(`the variable ${option.env}`);
      expect(help).not.toContain(option.env.toLowerCase().replaceAll("_", "-"));
      continue;
    }
    expect(help).toContain(`${option.flag} <`);
    expect(help).toContain(`[${option.env};`);
    expect(help).toContain(String(option.default) === "" ? "no default]" : `default ${String(option.default)}]`);
  }
  expect(exitCode).toBe(0);
});

it("prints its version", async () => {
  expect(await runWith(["--version"])).toMatchObject({ exitCode: 0, stdout: "0.1.0\n" });
});

it("prints every option with its value and where it came from", async () => {
  const { exitCode, stdout } = await runWith(["check-config", "--port", "8443"], { LOG_LEVEL: "debug" });

  expect(stdout).toMatch(/^PORT +8443 {2}\(flag\)$/m);
  expect(stdout).toMatch(/^LOG_LEVEL +debug {2}\(variable\)$/m);
  expect(stdout).toMatch(/^HOST +:: {2}\(default\)$/m);
  expect(stdout.trim().split("\n")).toHaveLength(optionRows().length);
  expect(exitCode).toBe(0);
});

it("names the options that were probably meant, of variables and of flags", async () => {
  const variable = await runWith(["check-config"], { MAX_CONECTIONS: "5", TLS: "off", EMAIL: "nobody" });
  const flag = await runWith(["check-config", "--max-conections", "5"]);

  expect(variable.stderr.split("\n").slice(0, 3)).toEqual([
    expect.stringMatching(/^postern: variable EMAIL is "nobody"; .* It is ignored: TLS is off$/),
    'postern: variable "MAX_CONECTIONS" is no option: did you mean MAX_CONNECTIONS?',
    expect.stringMatching(/^postern: memory: /),
  ]);
  expect(variable.exitCode).toBe(0);
  expect(flag.stderr).toContain("Did you mean --max-connections?");
  expect(flag.exitCode).toBe(2);
});

it("prints that a secret is set, and nothing of it", async () => {
  const secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQ";

  const { stdout } = await runWith(["check-config"], { ACME_EAB_HMAC_KEY: secret });

  expect(stdout).toMatch(/^ACME_EAB_HMAC_KEY +\(set\) {2}\(variable\)$/m);
  expect(stdout).toMatch(/^DOMAIN +- {2}\(default\)$/m);
  expect(stdout).not.toContain(secret.slice(0, 8));
});

it("prints names with commas between them, as they are given", async () => {
  const { stdout } = await runWith(["check-config", "--domain", "A.example, b.example"]);

  expect(stdout).toMatch(/^DOMAIN +a\.example,b\.example {2}\(flag\)$/m);
});

it("names every bad option with its value, range and source, and exits with 2", async () => {
  const { exitCode, stderr } = await runWith(["check-config", "--max-frame-bytes", "7"], {
    PORT: "https",
    ENABLE_TLS: "maybe",
  });

  expect(stderr.split("\n")).toEqual([
    'postern: variable PORT is "https"; it takes 0 to 65535',
    'variable ENABLE_TLS is "maybe"; it takes true or false',
    'flag --max-frame-bytes is "7"; it takes 1024 to 67108864 bytes',
    "",
  ]);
  expect(exitCode).toBe(2);
});

it.each([[["--prot", "1"]], [["server"]], [["serve", "extra"]], [["--port"]]])(
  "refuses %j with a hint and exit code 2",
  async (argv) => {
    const { exitCode, stderr } = await runWith(argv);

    expect(stderr).toMatch(/^error: /);
    expect(exitCode).toBe(2);
  },
);

it("serves until a signal, drains, and takes its listeners with it", async () => {
  const stdout: string[] = [];
  const stderr: string[] = [];
  const signals = new EventEmitter();
  const terminal = { env: { NODE_ENV: "dev" }, stdout: collector(stdout), stderr: collector(stderr), signals };

  const exitCode = run(["serve", "--port", "0", "--host", "::1"], terminal);
  await eventually(() => expect(stderr.join("")).toMatch(/wss:\/\/\[::1\]:\d+/));
  signals.emit("SIGINT");

  expect(await exitCode).toBe(0);
  expect(signals.eventNames()).toEqual([]);
  expect(stdout.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual([
    "certificate",
    "listening",
    "draining",
    "stopped",
  ]);
});

it("warns of plain HTTP on a public address and of a development certificate in production", async () => {
  for (const [env, warning] of [
    [{ ENABLE_TLS: "false" }, "without TLS on a public address"],
    [{ NODE_ENV: "prod" }, "self-signed development certificate in production"],
  ] as const) {
    const stdout: string[] = [];
    const signals = new EventEmitter();
    const terminal = { env: { PORT: "0", ...env }, stdout: collector(stdout), stderr: collector([]), signals };

    const exitCode = run([], terminal);
    await eventually(() => expect(stdout.join("")).toContain(warning));
    signals.emit("SIGTERM");

    expect(await exitCode).toBe(0);
  }
});

async function runWith(argv: readonly string[], env: Record<string, string> = {}) {
  const stdout: string[] = [];
  const stderr: string[] = [];
  const terminal = { env, stdout: collector(stdout), stderr: collector(stderr), signals: new EventEmitter() };
  const exitCode = await run(argv, terminal);
  return { exitCode, stdout: stdout.join(""), stderr: stderr.join("") };
}
