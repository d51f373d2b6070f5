import { existsSync, readFileSync } from "node:fs";
import { join, normalize } from "node:path";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { loadConfig } from "../../relay/config/load.ts";
import { bytesOf, memoryProblemsOf, problemsOf } from "./deployed-options.ts";

const FOLDER = "infra/compose";

type Service = {
  readonly profiles?: readonly string[];
  readonly build?: { readonly context: string; readonly args: Readonly<Record<string, string>> };
  readonly pull_policy?: string;
  readonly image: string;
  readonly ports?: readonly string[];
  readonly env_file?: readonly { readonly path: string; readonly required: boolean }[];
  readonly mem_limit?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly secrets?: readonly string[];
  readonly stop_grace_period?: string;
};

const file = parse(read("docker-compose.yml"), { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, null>>;
  readonly secrets: Readonly<Record<string, { readonly environment: string }>>;
};
const { relay, prometheus, grafana } = file.services;
const { config } = loadConfig({ flags: {}, env: {} });

it("starts the relay alone, unless it is asked for monitoring too", () => {
  const withoutProfile = Object.entries(file.services).filter(([, { profiles }]) => profiles === undefined);

  expect(withoutProfile.map(([name]) => name)).toEqual(["relay"]);
  expect(relay?.ports).toEqual(["443:443"]);
  expect(existsSync(join(FOLDER, relay?.build?.context ?? "", "Dockerfile"))).toBe(true);
});

it("opens a port of UDP with a file of its own, and gives it to the relay", () => {
  const { services } = parse(read("stun.yml")) as typeof file;

  expect(services["relay"]?.ports).toEqual(["3478:3478/udp"]);
  expect(services["relay"]?.environment).toEqual({ STUN_PORT: "3478" });
  expect(problemsOf(services["relay"]?.environment ?? {})).toEqual([]);
});

it("opens a further port with a file of its own, and gives it to the relay", () => {
  const { services } = parse(read("further-port.yml")) as typeof file;

  expect(services["relay"]?.ports).toEqual(["8765:8765"]);
  expect(services["relay"]?.environment).toEqual({ LISTEN: "wss:8765=pair" });
  expect(problemsOf(services["relay"]?.environment ?? {})).toEqual([]);
});

it("builds the relay by itself, never takes an image of its name from elsewhere, and hands on what the build may want", () => {
  const dockerfile = readFileSync("Dockerfile", "utf8");

  expect(relay?.pull_policy).toBe("build");
  for (const name of Object.keys(relay?.build?.args ?? {})) expect(dockerfile).toContain(`ARG ${name}=""`);
});

it.each<[string, Readonly<Record<string, string>>]>([
  ["nothing", {}],
  ["a name", { TLS: "acme", DOMAIN: "relay.example.com", EMAIL: "ops@example.com" }],
  ["monitoring", { ADMIN_TOKEN: "0123456789abcdef0123456789abcdef" }],
  ["who may come in, and how many", { AUTH: "tokens", AUTH_KEYS_FILE: "/keys.json", MAX_CONNECTIONS: "20" }],
])("gives the relay options that it has, and that go together, where .env holds %s", (_, env) => {
  const variables = variablesWith(env);

  expect(problemsOf(variables)).toEqual([]);
  expect(variables).toMatchObject(env);
  expect(variables["ADMIN_PORT"]).toBe("ADMIN_TOKEN" in env ? "9464" : "");
});

it("has options that fit into its limit of memory", () => {
  expect(memoryProblemsOf(variablesWith({}), bytesOf(interpolated(relay?.mem_limit ?? "", {})))).toEqual([]);
});

it("keeps the state on a volume, and gives the relay time to drain", () => {
  expect(relay?.volumes).toEqual([`state:${config.stateDirectory}`]);
  expect(Number.parseInt(relay?.stop_grace_period ?? "", 10) * 1000).toBeGreaterThan(config.drainTimeoutMs + 2000);
});

it("mounts only files and volumes that are there, and uses secrets that it declares", () => {
  const mounts = Object.values(file.services).flatMap(({ volumes = [] }) =>
    volumes.map((volume) => volume.split(":")[0] ?? ""),
  );
  const files = mounts.filter((source) => source.startsWith(".")).map((source) => normalize(join(FOLDER, source)));
  const volumes = mounts.filter((source) => !source.startsWith("."));

  expect(volumes.toSorted()).toEqual(Object.keys(file.volumes).toSorted());
  expect(files.length).toBe(5);
  expect(files.filter((path) => !existsSync(path))).toEqual([]);
  const secrets = Object.values(file.services).flatMap(({ secrets: used = [] }) => used);
  expect([...new Set(secrets)]).toEqual(Object.keys(file.secrets));
});

it("scrapes the port that the relay opens, by its name on the network, as the job that the alert rules name", () => {
  const { rule_files: rules, scrape_configs: jobs } = parse(read("prometheus.yml")) as {
    readonly rule_files: readonly string[];
    readonly scrape_configs: readonly {
      readonly job_name: string;
      readonly authorization: { readonly credentials_file: string };
      readonly static_configs: readonly { readonly targets: readonly string[] }[];
    }[];
  };

  expect(prometheus?.volumes?.map((volume) => volume.split(":")[1])).toEqual(expect.arrayContaining([...rules]));
  expect(jobs.map(({ job_name: name }) => name)).toEqual(["postern"]);
  expect(jobs[0]?.static_configs[0]?.targets).toEqual(["relay:9464"]);
  expect(jobs[0]?.authorization.credentials_file).toBe(`/run/secrets/${prometheus?.secrets?.[0]}`);
});

it("shows Grafana to this machine alone, with a password that is not its default, and with the dashboard", () => {
  const { datasources } = parse(read("grafana.yml")) as { readonly datasources: readonly { readonly url: string }[] };
  const { providers } = parse(read("grafana-dashboards.yml")) as {
    readonly providers: readonly { readonly options: { readonly path: string } }[];
  };

  expect(grafana?.ports).toEqual(["127.0.0.1:3000:3000"]);
  expect(grafana?.environment?.["GF_SECURITY_ADMIN_PASSWORD__FILE"]).toBe(`/run/secrets/${grafana?.secrets?.[0]}`);
  expect(datasources[0]?.url).toBe("http://prometheus:9090");
  expect(grafana?.volumes?.some((volume) => volume.split(":")[1]?.startsWith(`${providers[0]?.options.path}/`))).toBe(
    true,
  );
});

it("names every image of others with its version", () => {
  const images = Object.values(file.services).flatMap(({ image, build }) => (build === undefined ? [image] : []));

  expect(images.length).toBe(2);
  expect(images.filter((image) => !/:v?\d+\.\d+\.\d+$/.test(image))).toEqual([]);
});

/** What the relay gets where the file .env holds this: all of that file, and above it what the service sets itself. */
function variablesWith(env: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const ofFile = relay?.env_file?.some(({ path }) => path === ".env") === true ? env : {};
  const ofService = Object.entries(relay?.environment ?? {}).map(([name, value]) => [name, interpolated(value, env)]);
  return { ...ofFile, ...Object.fromEntries(ofService) };
}

function read(name: string): string {
  return readFileSync(join(FOLDER, name), "utf8");
}

/** `${NAME:-default}` and `${NAME:+instead}`, as Compose has them. */
function interpolated(value: string, shell: Readonly<Record<string, string>>): string {
  return value.replace(/\$\{(\w+):([-+])([^}]*)\}/g, (_, name: string, sign: string, word: string) => {
    const given = shell[name] ?? "";
    if (sign === "+") return given === "" ? "" : word;
    return given === "" ? word : given;
  });
}
