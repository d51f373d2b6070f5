import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { makeFolder } from "../support/certificate-files.ts";
import { makeStub } from "./az-stub.ts";

type Step = {
  readonly id?: string;
  readonly name?: string;
  readonly if?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, string | boolean>>;
};
type Job = {
  readonly permissions?: Readonly<Record<string, string>>;
  readonly environment?: unknown;
  readonly if?: string;
  readonly outputs?: Readonly<Record<string, string>>;
  readonly concurrency?: { readonly group: string };
  readonly needs?: string | readonly string[];
  readonly strategy?: { readonly matrix: { readonly include: readonly { readonly platform: string }[] } };
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
  const { jobs } = read("chart.yml");

  const commands = commandsOf(jobs["chart"]);
  expect(commands).toMatch(
    /helm lint --strict infra\/helm\/postern\nhelm template relay infra\/helm\/postern --set image/,
  );
  expect(commands).toContain("npx vitest run test/deploy/helm.test.ts");
});

it("publishes an image with provenance and a bill of materials, and writes its digest where the templates read it", () => {
  const { on, jobs } = read("release.yml");

  const push = jobs["image"]?.steps.find(({ id }) => id === "push");
  expect(push?.with).toMatchObject({ provenance: "mode=max", sbom: true, platforms: "${{ matrix.platform }}" });
  expect(jobs["image"]?.strategy?.matrix.include.map(({ platform }) => platform)).toEqual([
    "linux/amd64",
    "linux/arm64",
  ]);
  expect(commandsOf(jobs["digest"])).toContain(">infra/image.json");
  expect(on).toEqual({ push: { tags: ["v*"] } });
});

it("makes a version of all its parts, and only where it was checked: packages, image, chart, checksums", () => {
  const { jobs } = read("release.yml");

  const { check, ...others } = jobs;
  expect(Object.keys(others)).toEqual(["packages", "image", "publish", "chart", "release", "digest"]);
  const needs = Object.values(others).map((job) => [job.needs ?? []].flat());
  expect(needs.every((before) => before.includes("check") || before.includes("publish"))).toBe(true);
  expect(commandsOf(check)).toMatch(/npm run check\nnpm test/);
  expect(commandsOf(jobs["packages"])).toContain('npm publish --provenance --access public "$file"');
  expect(jobs["packages"]?.permissions).toEqual({ contents: "read", "id-token": "write" });
  expect(commandsOf(jobs["release"])).toMatch(/sha256sum -- \* >SHA256SUMS[\s\S]*gh release create .*SHA256SUMS/);
});

it.each([
  [
    "publishes what was packed, and leaves a private package out",
    '{ "private": true }',
    "private, and was left out",
    ["of-.tgz"],
  ],
  ["publishes both packages", "{}", "", ["of-.tgz", "of-client.tgz"]],
])("%s", (_title, client, said, published) => {
  const pack = '[ "$1" != pack ] || touch "packages/of-$(echo "$4" | tr -d ./).tgz"';
  const { folder, calls } = stubs({ npm: pack });
  mkdirSync(join(folder, "client"));
  writeFileSync(join(folder, "package.json"), "{}");
  writeFileSync(join(folder, "client/package.json"), client);

  const { output } = runStep(
    folder,
    read("release.yml").jobs["packages"]?.steps.find(({ run }) => run?.includes("npm pack")),
  );

  expect(output).toContain(said);
  expect(calls().filter((call) => call.includes("publish"))).toEqual(
    published.map((file) => `npm publish --provenance --access public packages/${file}`),
  );
});

it.each([
  ["v0.2.0", "0.2.0", "0.2.0", "0.2.0", true],
  ["v0.2.0", "0.1.0", "0.2.0", "0.2.0", false],
  ["v0.2.0", "0.2.0", "0.1.0", "0.2.0", false],
  ["v0.2.0", "0.2.0", "0.2.0", "0.1.0", false],
])("takes the tag %s of the package %s, the client %s and the chart %s: %s", (tag, version, client, chart, isTaken) => {
  const { folder } = stubs({});
  mkdirSync(join(folder, "infra/helm/postern"), { recursive: true });
  mkdirSync(join(folder, "client"));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ version }));
  writeFileSync(join(folder, "client/package.json"), JSON.stringify({ version: client }));
  writeFileSync(join(folder, "infra/helm/postern/Chart.yaml"), `version: ${chart}\n`);
  const step = read("release.yml").jobs["check"]?.steps.find(({ id }) => id === "version");
  const run = (): string => runStep(folder, step, { GITHUB_REF_NAME: tag, OWNER: "Ours" }).written;

  if (isTaken) expect(run()).toBe("version=0.2.0\nimage=ghcr.io/ours/postern\n");
  else expect(run).toThrow();
});

it("gives the chart of a release the image that was published, by its digest", () => {
  const { folder, calls } = stubs({ helm: "" });
  mkdirSync(join(folder, "infra/helm/postern"), { recursive: true });
  copyFileSync("infra/helm/postern/values.yaml", join(folder, "infra/helm/postern/values.yaml"));
  const index = "ghcr.io/ours/postern@sha256:ccc";

  const step = read("release.yml").jobs["chart"]?.steps.find(({ run }) => run !== undefined);
  runStep(folder, step, { INDEX: index, OWNER: "Ours", TOKEN: "t", GITHUB_ACTOR: "a" });

  const { image } = parse(readFileSync(join(folder, "infra/helm/postern/values.yaml"), "utf8")) as {
    readonly image: object;
  };
  expect(image).toMatchObject({ repository: "ghcr.io/ours/postern", digest: "sha256:ccc" });
  expect(calls().at(-1)).toMatch(/^helm push .* oci:\/\/ghcr\.io\/ours\/charts$/);
});

it("asks Azure for what the deployment of prod will have, without the right to make it", () => {
  const { jobs } = read("infra.yml");
  const envOf = (job: string, command: string): readonly string[] =>
    Object.keys(jobs[job]?.steps.find(({ run }) => run?.includes(command))?.env ?? {});

  const given = envOf("deploy", "azure-deploy.ts").filter((name) => name.startsWith("POSTERN_"));
  expect(given.length).toBeGreaterThan(2);
  expect(envOf("what-if", "what-if")).toEqual(expect.arrayContaining([...given]));
  expect(commandsOf(jobs["what-if"])).toContain("--validation-level ProviderNoRbac");
});

it.each([
  ["", []],
  ["https://github.com/o/postern.git", ["source=https://github.com/o/postern.git"]],
])("asks for the what-if as the real CLI takes it, with the source %s", (source, given) => {
  const folder = dirname(makeStub({}));
  const step = read("infra.yml").jobs["what-if"]?.steps.find(({ run }) => run?.includes("what-if"));

  runStep(folder, step, { RESOURCE_GROUP: "rg", POSTERN_SOURCE: source });

  const call = readFileSync(join(folder, "calls"), "utf8");
  expect(call).toContain("deployment group what-if --resource-group rg --parameters infra/env/prod.bicepparam");
  expect(call.match(/source=\S+/) ?? []).toEqual(expect.arrayContaining(given));
});

it("touches Azure only where that is switched on, and each environment once at a time", () => {
  const { on, jobs } = read("infra.yml");

  for (const job of ["what-if", "deploy"]) expect(jobs[job]?.if).toContain("vars.AZURE_DEPLOY == 'true'");
  expect(jobs["deploy"]?.concurrency?.group).toBe("infra-${{ inputs.environment || 'test' }}");
  expect(JSON.stringify(on)).not.toContain('"infra/**"');
});

it("has the first step to a custom domain end without the smoke test", () => {
  const steps = read("infra.yml").jobs["deploy"]?.steps ?? [];

  const deploy = steps.find(({ id }) => id === "deploy");
  expect(deploy?.env?.["FIRST_STEP"]).toContain("'--parameter=certificateSource=self-signed'");
  expect(deploy?.run).toContain(" $FIRST_STEP ");
  expect(steps.find(({ name }) => name === "Smoke test")?.if).toBe("${{ !inputs.first_step }}");
});

it("looks at the age of versions with the rule that is off elsewhere, and lets nothing wait for that", () => {
  const { jobs } = read("infra.yml");
  const { folder, calls } = stubs({ az: "", ".azure/bin/bicep": "" });
  copyFileSync("bicepconfig.json", join(folder, "bicepconfig.json"));

  runStep(
    folder,
    jobs["api-versions"]?.steps.find(({ run }) => run !== undefined),
  );

  expect(readFileSync(join(folder, "bicepconfig.json"), "utf8")).toMatch(
    /"use-recent-api-versions": \{ "level": "error"/,
  );
  expect(calls()).toEqual(["az bicep install", "bicep lint relay.bicep", "bicep lint infra/main.bicep"]);
  expect(Object.values(jobs).filter(({ needs }) => needs === "api-versions")).toEqual([]);
});

it("writes the digest of the image, and not that of the index around it", () => {
  const platforms = [
    { digest: "sha256:aaa", platform: { os: "unknown", architecture: "unknown" } },
    { digest: "sha256:bbb", platform: { os: "linux", architecture: "amd64" } },
  ];
  const { folder, calls } = stubs({ docker: `cat <<'END'\n${JSON.stringify({ manifests: platforms })}\nEND` });

  mkdirSync(join(folder, "digests"));
  for (const digest of ["111", "222"]) writeFileSync(join(folder, "digests", digest), "");

  const step = stepsOf("release.yml").find(({ id }) => id === "image");
  const { written } = runStep(folder, step, { IMAGE: "ghcr.io/o/postern", VERSION: "0.2.0" });

  expect(calls()).toEqual([
    "docker buildx imagetools create --tag ghcr.io/o/postern:0.2.0 ghcr.io/o/postern@sha256:111 ghcr.io/o/postern@sha256:222",
    "docker buildx imagetools inspect --raw ghcr.io/o/postern:0.2.0",
  ]);
  expect(written).toMatch(/^digest=sha256:bbb\nindex=sha256:[0-9a-f]{64}\n$/);
  expect(read("release.yml").jobs["publish"]?.outputs?.["image"]).toContain("@${{ steps.image.outputs.digest }}");
});

it.each([
  ["asks for a review of the digest", "0", true],
  ["asks for no second review where a run before has asked", "1", false],
])("%s", (_title, open, isAsked) => {
  const { folder, calls } = stubs({ git: '[ "$1" != diff ]', gh: `[ "$2" != list ] || echo ${open}` });
  mkdirSync(join(folder, "infra"));

  const step = read("release.yml").jobs["digest"]?.steps.find(({ run }) => run !== undefined);
  runStep(folder, step, { IMAGE: `ghcr.io/o/postern@sha256:${"b".repeat(64)}` });

  expect(calls()).toContain("git push --force --set-upstream origin image-bbbbbbbbbbbb");
  expect(calls().includes("gh pr create --fill")).toBe(isAsked);
  expect(readFileSync(join(folder, "infra/image.json"), "utf8")).toContain(`@sha256:${"b".repeat(64)}`);
});

/** A folder with programs that write down how they are called, and then do as the shell is told here. */
function stubs(programs: Readonly<Record<string, string>>): {
  readonly folder: string;
  readonly calls: () => readonly string[];
} {
  const folder = makeFolder();
  mkdirSync(join(folder, ".azure/bin"), { recursive: true });
  for (const [path, does] of Object.entries(programs)) {
    const line = `echo "$(basename "$0") $*" >>'${folder}/calls'`;
    writeFileSync(join(folder, path), `#!/bin/sh\n${line}\n${does}\n`, { mode: 0o755 });
  }
  return { folder, calls: () => readFileSync(join(folder, "calls"), "utf8").trimEnd().split("\n") };
}

/** Runs the commands of a step as GitHub does. @returns what it said, and what it has put out for other steps. */
function runStep(
  folder: string,
  step: Step | undefined,
  env: Readonly<Record<string, string>> = {},
): { readonly output: string; readonly written: string } {
  const file = join(folder, "output");
  writeFileSync(file, "");
  const path = `${folder}${delimiter}${process.env["PATH"] ?? ""}`;
  const options = { cwd: folder, env: { HOME: folder, PATH: path, GITHUB_OUTPUT: file, ...env } };
  const output = execFileSync("bash", ["-e", "-c", step?.run ?? "exit 1"], {
    ...options,
    stdio: "pipe",
    encoding: "utf8",
  });
  return { output, written: readFileSync(file, "utf8") };
}

function read(name: string): Workflow {
  return parse(readFileSync(`${FOLDER}/${name}`, "utf8")) as Workflow;
}

function stepsOf(name: string): readonly Step[] {
  return Object.values(read(name).jobs).flatMap(({ steps }) => steps);
}

function commandsOf(job: Job | undefined): string {
  return (job?.steps ?? []).map(({ run }) => run ?? "").join("\n");
}
