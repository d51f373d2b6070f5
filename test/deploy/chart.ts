import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { parse, parseAllDocuments, stringify } from "yaml";
import { ChartTemplates } from "./chart-template.ts";

/** The chart's folder. */
export const CHART = "infra/helm/postern";

/** Values, or a part of them, as in values.yaml. */
export type Values = { readonly [name: string]: string | number | boolean | Values | readonly (string | Values)[] };

type Labels = Readonly<Record<string, string>>;
type Probe = { readonly httpGet: { readonly path: string; readonly port: string; readonly scheme: string } };

/** The container of the relay. */
export type Container = {
  readonly args?: readonly string[];
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly ports: readonly { readonly name: string }[];
  readonly securityContext: object;
  readonly startupProbe: Probe;
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
  readonly lifecycle?: { readonly preStop: { readonly exec: { readonly command: readonly [string, string] } } };
  readonly resources: { readonly limits: { readonly memory: string } };
  readonly volumeMounts: readonly [{ readonly name: string; readonly mountPath: string }];
};

/** What tests look at, of every kind; each kind has a part of it. */
type Spec = {
  readonly replicas: number;
  readonly schedule: string;
  readonly jobTemplate: { readonly spec: Pick<Spec, "template"> };
  readonly strategy: object;
  readonly selector: { readonly matchLabels: Labels };
  readonly podSelector: { readonly matchLabels: Labels };
  readonly template: { readonly metadata: { readonly labels: Labels }; readonly spec: PodSpec };
  readonly ports: readonly [{ readonly name: string; readonly targetPort: string }];
  readonly ingress: readonly { readonly ports: readonly { readonly port: string }[] }[];
  readonly egress: readonly { readonly ports: readonly object[] }[];
  readonly endpoints: readonly object[];
};

type PodSpec = {
  readonly automountServiceAccountToken: boolean;
  readonly enableServiceLinks: boolean;
  readonly terminationGracePeriodSeconds: number;
  readonly securityContext: object;
  readonly containers: readonly Container[];
  readonly volumes: readonly [{ readonly persistentVolumeClaim: { readonly claimName: string } }];
};

/** One object of Kubernetes. */
export type Manifest = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels: Labels };
  readonly spec: Spec;
};

/** An image that somebody has pushed: the chart makes nothing without one. */
const IMAGE: Values = { image: { repository: "registry.example.com/postern" } };

/** What the chart says to people who have installed it with these values, in the namespace `relays`. */
export function renderNotes(values: Values = {}): string {
  const { templates, dot } = prepared(values);
  return templates.render(readFileSync(join(CHART, "templates/NOTES.txt"), "utf8"), dot);
}

/** What the chart makes of these values on top of its own, for a release called `relay`. By the check's own renderer. */
export function renderChart(values: Values = {}): readonly Manifest[] {
  const { templates, dot } = prepared(values);
  return readdirSync(join(CHART, "templates"))
    .filter((name) => name.endsWith(".yaml"))
    .toSorted()
    .flatMap((name) => manifestsOf(templates.render(readFileSync(join(CHART, "templates", name), "utf8"), dot)));
}

function prepared(values: Values): { readonly templates: ChartTemplates; readonly dot: object } {
  const chart = parse(readFileSync(join(CHART, "Chart.yaml"), "utf8")) as Readonly<Record<string, unknown>>;
  const defaults = parse(readFileSync(join(CHART, "values.yaml"), "utf8")) as Values;
  const templates = new ChartTemplates();
  templates.define(readFileSync(join(CHART, "templates/_helpers.tpl"), "utf8"));
  const dot = {
    Values: merged(merged(defaults, IMAGE), values),
    Release: { Name: "relay", Namespace: "relays", Service: "Helm" },
    Chart: { Name: chart["name"], Version: chart["version"], AppVersion: chart["appVersion"] },
  };
  return { templates, dot };
}

/** The same by Helm. */
export function renderWithHelm(values: Values = {}): readonly Manifest[] {
  const folder = mkdtempSync(join(tmpdir(), "postern-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "values.yaml");
  writeFileSync(file, stringify(merged(IMAGE, values)));
  const { status, stdout, stderr } = spawnSync("helm", ["template", "relay", CHART, "--values", file], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(stderr);
  return manifestsOf(stdout);
}

/** The documents of a YAML stream. Throws where it is not YAML, also for a key that is there twice. */
function manifestsOf(text: string): readonly Manifest[] {
  return parseAllDocuments(text).flatMap((document) => {
    if (document.errors.length > 0) throw new Error(`${document.errors.join("\n")}\n${text}`);
    const manifest = document.toJS() as Manifest | null;
    return manifest === null ? [] : [manifest];
  });
}

function merged(below: Values, above: Values): Values {
  return Object.fromEntries(
    [...new Set([...Object.keys(below), ...Object.keys(above)])].map((name) => {
      const [first, second] = [below[name], above[name]];
      if (isMap(first) && isMap(second)) return [name, merged(first, second)];
      return [name, second ?? first ?? ""];
    }),
  );
}

function isMap(value: unknown): value is Values {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
