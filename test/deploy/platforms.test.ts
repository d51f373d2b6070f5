import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { loadConfig } from "../../relay/config/load.ts";
import { optionRows } from "../../relay/config/options.ts";
import { VERSION } from "../../relay/version.ts";
import { bytesOf, memoryProblemsOf, problemsOf } from "./deployed-options.ts";
import { APP_PLATFORM, FLY, misfits } from "./platform-schemas.ts";
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

  const start = `${(JSON.parse(entrypoint) as string[]).join(" ")} serve `;
  const variables = variablesOfFlags(command.slice(start.length).split(" "));
  expect(command.startsWith(start)).toBe(true);
  expect(variables["TLS"]).toBe("off");
  expect(problemsOf({ ...variables, PORT: "3000" })).toEqual([]);
  expect(memoryProblemsOf(variables, bytesOf("1g"))).toEqual([]);
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
  expect(service).toMatchObject({ force_https: true, auto_stop_machines: false, min_machines_running: 1 });
  expect(service["concurrency"]).toMatchObject({ type: "connections", hard_limit: Number(env["MAX_CONNECTIONS"]) });
  expect(check?.["path"]).toBe(READY);
  // `rolling`, the default, replaces the one machine that there is: nobody would be let in meanwhile.
  expect(fly["deploy"]).toEqual({ strategy: "bluegreen" });
  expect(fly).not.toHaveProperty("mounts");
  const [machine] = fly["vm"] as readonly { readonly memory: string }[];
  expect(memoryProblemsOf(env, bytesOf(machine?.memory ?? ""))).toEqual([]);
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
      readonly instance_size_slug: string;
      readonly image: Readonly<Record<string, string>>;
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
  const [, memory = ""] = /^apps-s-\dvcpu-(\dgb)$/.exec(service?.instance_size_slug ?? "") ?? [];
  expect(memoryProblemsOf(env, bytesOf(memory))).toEqual([]);
  // Your own registry's: what App Platform builds by itself nobody has tried.
  expect(service?.image).toEqual({ registry_type: "DOCR", repository: "postern", tag: VERSION });
  expect(service).not.toHaveProperty("dockerfile_path");
});

it("has a file for Render whose edge asks the port that the relay listens on, and lets it drain", () => {
  const { services } = parse(readFileSync("infra/render/render.yaml", "utf8")) as {
    readonly services: readonly {
      readonly envVars: readonly { readonly key: string; readonly value: string }[];
      readonly dockerfilePath: string;
      readonly maxShutdownDelaySeconds: number;
    }[];
  };
  const [service] = services;
  const env = Object.fromEntries(service?.envVars.map(({ key, value }) => [key, value]) ?? []);

  expect(problemsOf(env)).toEqual([]);
  expect(env).toMatchObject({ TLS: "off", PORT: "8080" });
  expect(service).toMatchObject({ type: "web", runtime: "docker", numInstances: 1, healthCheckPath: READY });
  expect(existsSync(service?.dockerfilePath ?? "")).toBe(true);
  expect((service?.maxShutdownDelaySeconds ?? 0) * 1000).toBeGreaterThan(config.drainTimeoutMs + 2000);
  // What the plan `standard` has.
  expect(memoryProblemsOf(env, bytesOf("2g"))).toEqual([]);
});

it("has files for Fly.io and DigitalOcean with nothing that their published schemas do not know", () => {
  const fly = parseToml(readFileSync("infra/fly/fly.toml", "utf8"));
  const app: unknown = parse(readFileSync("infra/digitalocean/app.yaml", "utf8"));

  expect(misfits(fly, FLY)).toEqual([]);
  expect(misfits(app, APP_PLATFORM)).toEqual([]);
  expect(misfits({ ...fly, kill_signal: "SIGHUP", kil_timeout: "15s" }, FLY)).toEqual([
    "file.kill_signal is SIGHUP",
    "file has no kil_timeout",
  ]);
});

/** Flags and their values in turn, as the variables that mean the same. */
function variablesOfFlags(words: readonly string[]): Readonly<Record<string, string>> {
  const envOf = new Map(optionRows().map(([, { flag, env }]) => [flag, env]));
  return Object.fromEntries(
    words.flatMap((word, index) =>
      index % 2 === 0 ? [[envOf.get(word) ?? `the flag ${word}`, words[index + 1] ?? ""]] : [],
    ),
  );
}
