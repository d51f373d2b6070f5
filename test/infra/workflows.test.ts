import { existsSync, readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { parse } from "yaml";

type Step = {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, string | boolean>>;
};
type Job = {
  readonly permissions?: Readonly<Record<string, string>>;
  readonly environment?: unknown;
  readonly needs?: string;
  readonly "timeout-minutes"?: number;
  readonly steps: readonly Step[];
};
type Workflow = {
  readonly on: Readonly<Record<string, unknown>>;
  readonly permissions: unknown;
  readonly jobs: Readonly<Record<string, Job>>;
};

const FOLDER = ".github/workflows";
const names = readdirSync(FOLDER);

it.each(names)("gives the jobs of %s the rights that they need, one by one, and a time to end in", (name) => {
  const { on, permissions, jobs } = read(name);

  expect(permissions).toEqual({});
  expect(on).not.toHaveProperty("pull_request_target");
  for (const job of Object.values(jobs)) {
    expect(job.permissions).toBeDefined();
    expect(job["timeout-minutes"]).toBeGreaterThan(0);
  }
});

it.each(names)("puts nothing that a stranger writes into the commands of %s", (name) => {
  const commands = stepsOf(name).flatMap(({ run, with: given }) => [run ?? "", String(given?.["script"] ?? "")]);

  expect(commands.filter((command) => command.includes("${{"))).toEqual([]);
});

it.each(names)("names in %s only scripts and files that are there", (name) => {
  const text = readFileSync(`${FOLDER}/${name}`, "utf8");
  const paths = [...text.matchAll(/\b(?:scripts|infra|docs|test)\/[\w./-]+\b/g)].map(([path]) => path);

  expect(paths.length).toBeGreaterThan(0);
  // `scripts/azure*` is a pattern.
  expect(paths.filter((path) => !existsSync(path) && path !== "scripts/azure")).toEqual([]);
});

it("shows a what-if on the pull request, and deploys with OIDC to an environment that somebody approves", () => {
  const { jobs } = read("infra.yml");

  const [lint, whatIf, deploy] = [jobs["lint"], jobs["what-if"], jobs["deploy"]];
  expect(commandsOf(lint)).toContain("npx vitest run test/infra");
  expect(commandsOf(whatIf)).toContain("az deployment group what-if");
  expect(whatIf?.permissions).toEqual({ contents: "read", "id-token": "write", "pull-requests": "write" });
  expect(deploy?.permissions).toEqual({ contents: "read", "id-token": "write" });
  expect([whatIf?.needs, deploy?.needs]).toEqual(["lint", "lint"]);
  expect(deploy?.environment).toBeDefined();
  expect(deploy?.steps.map(({ uses }) => uses)).toContain("azure/login@v2");
  expect(commandsOf(deploy)).toMatch(/azure-deploy\.ts[\s\S]*azure-smoke\.ts/);
  expect(readFileSync(`${FOLDER}/infra.yml`, "utf8")).not.toContain("secrets.");
});

it("has Helm lint the chart and render it, with the default values and with those of the tests", () => {
  const { jobs } = read("infra.yml");

  const commands = commandsOf(jobs["chart"]);
  expect(commands).toMatch(/helm lint --strict infra\/helm\/postern\nhelm template relay infra\/helm\/postern\n/);
  expect(commands).toContain("npx vitest run test/deploy/helm.test.ts");
});

it("publishes an image with provenance and a bill of materials, and writes its digest where the templates read it", () => {
  const { jobs } = read("image.yml");

  const publish = stepsOf("image.yml").find(({ with: given }) => given?.["push"] === true);
  expect(publish?.with).toMatchObject({ provenance: "mode=max", sbom: true, platforms: "linux/amd64" });
  expect(commandsOf(jobs["digest"])).toContain(">infra/image.json");
});

function read(name: string): Workflow {
  return parse(readFileSync(`${FOLDER}/${name}`, "utf8")) as Workflow;
}

function stepsOf(name: string): readonly Step[] {
  return Object.values(read(name).jobs).flatMap(({ steps }) => steps);
}

function commandsOf(job: Job | undefined): string {
  return (job?.steps ?? []).map(({ run }) => run ?? "").join("\n");
}
