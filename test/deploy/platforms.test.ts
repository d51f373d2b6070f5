import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { loadConfig } from "../../relay/config/load.ts";
import { optionRows } from "../../relay/config/options.ts";
import { problemsOf } from "./deployed-options.ts";
import { parseToml } from "./toml.ts";

const { config } = loadConfig({ flags: {}, env: {} });
/** What the platforms ask, and the relay answers. */
const READY = "/ready";

type Railway = {
  readonly build: { readonly builder: string; readonly dockerfilePath: string };
  readonly deploy: Readonly<Record<string, string | number>>;
};

it("has a file for Railway that starts one relay without TLS, with the image's own command, and lets it drain", () => {
  const { build, deploy } = JSON.parse(readFileSync("infra/railway/railway.json", "utf8")) as Railway;
  const [, entrypoint = ""] = /^ENTRYPOINT (.*)$/m.exec(readFileSync("Dockerfile", "utf8")) ?? [];
  const command = String(deploy["startCommand"]);

  const [flag, value] = command.split(" ").slice(-2);
  expect(command).toMatch(new RegExp(`^${(JSON.parse(entrypoint) as string[]).join(" ")} serve `));
  expect(optionRows().find(([name]) => name === "tls")?.[1].flag).toBe(flag);
  expect(problemsOf({ TLS: value ?? "", PORT: "3000" })).toEqual([]);
  expect(existsSync(build.dockerfilePath)).toBe(true);
  expect(deploy).toMatchObject({ numReplicas: 1, healthcheckPath: READY, restartPolicyType: "ALWAYS" });
  // Numbers: the platform refuses them as text.
  expect(typeof deploy["drainingSeconds"]).toBe("number");
  expect(Number(deploy["drainingSeconds"]) * 1000).toBeGreaterThan(config.drainTimeoutMs + 2000);
});

it("has a file for Fly.io whose proxy asks the port that the relay listens on, and lets it drain", () => {
  const fly = parseToml(readFileSync("infra/fly/fly.toml", "utf8"));
  const env = fly["env"] as Readonly<Record<string, string>>;
  const service = fly["http_service"] as Readonly<Record<string, unknown>>;
  const [check] = service["checks"] as readonly Readonly<Record<string, unknown>>[];

  expect(problemsOf(env)).toEqual([]);
  expect(env).toMatchObject({ TLS: "off", PORT: String(service["internal_port"]) });
  expect(service).toMatchObject({ force_https: true, auto_stop_machines: "off", min_machines_running: 1 });
  expect(service["concurrency"]).toMatchObject({ type: "connections", hard_limit: config.maxConnections });
  expect(check?.["path"]).toBe(READY);
  expect([
    fly["kill_signal"],
    Number.parseInt(String(fly["kill_timeout"]), 10) * 1000 > config.drainTimeoutMs + 2000,
  ]).toEqual(["SIGTERM", true]);
  expect(existsSync(join("infra/fly", (fly["build"] as { readonly dockerfile: string }).dockerfile))).toBe(true);
});

it("has a file for DigitalOcean whose edge asks the port that the relay listens on, and lets it drain", () => {
  const app = parse(readFileSync("infra/digitalocean/app.yaml", "utf8")) as {
    readonly services: readonly {
      readonly envs: readonly { readonly key: string; readonly value: string }[];
      readonly http_port: number;
      readonly instance_count: number;
      readonly dockerfile_path: string;
      readonly health_check: Readonly<Record<string, unknown>>;
      readonly termination: { readonly drain_seconds: number; readonly grace_period_seconds: number };
    }[];
  };
  const [service] = app.services;
  const env = Object.fromEntries(service?.envs.map(({ key, value }) => [key, value]) ?? []);

  expect(problemsOf(env)).toEqual([]);
  expect(env).toMatchObject({ TLS: "off", PORT: String(service?.http_port) });
  expect(service).toMatchObject({ instance_count: 1, health_check: { http_path: READY } });
  expect((service?.termination.grace_period_seconds ?? 0) * 1000).toBeGreaterThan(config.drainTimeoutMs + 2000);
  expect(existsSync(service?.dockerfile_path ?? "")).toBe(true);
});
