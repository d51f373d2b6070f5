import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { probeMetrics } from "../../client/cli/probe-metrics.ts";
import { causes } from "../../client/doctor/common/causes.ts";
import { checkNames } from "../../client/doctor/common/finding.ts";
import { latencyMetric, type MetricRow, metricsTable } from "../../relay/observability/metrics-table.ts";
import { ADMIN_TOKEN, askAsAdmin } from "../support/admin.ts";
import { startRelay } from "../support/relay.ts";

const page = readFileSync("docs/metrics.md", "utf8");
const rules = readFileSync("infra/monitoring/prometheus-rules.yml", "utf8");
const dashboard = JSON.parse(readFileSync("infra/monitoring/grafana-dashboard.json", "utf8")) as Dashboard;

type Target = { readonly expr: string };
type Panel = {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly targets?: readonly Target[];
};
type Dashboard = { readonly panels: readonly Panel[] };

it("shows in docs/metrics.md the metrics that the relay has, each with the words of its labels", async () => {
  const words = await wordsOfLabels();
  const rows = [...metricsTable, latencyMetric].map(
    (row) => `| \`${row.name}\` | ${row.type} | ${labelsOf(row, words)} | ${row.help} |`,
  );

  const expected = ["| metric | type | labels | what it counts |", "|---|---|---|---|", ...rows].join("\n");

  const [, table] = /<!-- metrics:start -->\n([\s\S]*)\n<!-- metrics:end -->/.exec(page) ?? [];
  expect(table).toBe(expected);
});

it("shows in docs/metrics.md the metrics of the probe", () => {
  const rows = probeMetrics.map(
    ({ name, label, help }) => `| \`${name}\` | ${label === undefined ? "" : `\`${label}\``} | ${help} |`,
  );

  const expected = ["| metric | further label | what it tells |", "|---|---|---|", ...rows].join("\n");

  const [, table] = /<!-- probe:start -->\n([\s\S]*)\n<!-- probe:end -->/.exec(page) ?? [];
  expect(table).toBe(expected);
  for (const { name } of probeMetrics) expect(name).toMatch(/^postern_probe_[a-z_]+$/);
});

it("tells for every limit in docs/metrics.md which option it comes from", async () => {
  const words = await wordsOfLabels();

  const [, section = ""] = page.split("| `limit` | option |");
  const listed = [...(section.split("\n\n", 1)[0] ?? "").matchAll(/^\| `([\w-]+)` \| .+ \|$/gm)].map(
    ([, word]) => word,
  );
  expect(listed).toEqual(words.get("relay_rate_limited_total limit"));
});

it("names every metric in the form of Prometheus: its own prefix, the unit, _total for what only grows", () => {
  for (const { name, type, help } of [...metricsTable, latencyMetric]) {
    expect(name).toMatch(/^(relay|process|nodejs)_[a-z]+(_[a-z]+)*$/);
    expect(name.endsWith("_total"), name).toBe(type === "counter");
    expect(help, name).not.toMatch(/[\n.]$/);
  }
  expect(new Set(metricsTable.map(({ name }) => name)).size).toBe(metricsTable.length);
});

it("keeps the names that dashboards of the earlier relays ask for", () => {
  const names = new Set([...metricsTable, latencyMetric].map(({ name }) => name));

  for (const name of [
    "relay_connections_active",
    "relay_connections_total",
    "relay_connection_errors_total",
    "relay_messages_received_total",
    "relay_messages_sent_total",
    "relay_messages_rejected_total",
    "relay_rate_limited_total",
    "relay_blobs_stored",
    "relay_blobs_created_total",
    "relay_blobs_delivered_total",
    "relay_blobs_expired_total",
    "relay_recovery_proofs_active",
    "relay_message_duration_seconds",
  ]) {
    expect(names).toContain(name);
  }
});

it("asks in the dashboard and in the alerts only for metrics, labels and words that the relay has", async () => {
  const words = await wordsOfLabels();
  const asked = [...dashboardExpressions(), ...alerts().map(({ expr }) => expr)];

  const unknown = asked.flatMap((expr) => unknownIn(expr, words));

  expect(asked.length).toBeGreaterThan(30);
  expect(unknown).toEqual([]);
});

it("has in the dashboard a title and a question for every panel, and each panel once", () => {
  const panels = dashboard.panels.filter(({ type }) => type !== "row");

  expect(panels.filter(({ title, targets = [] }) => title === "" || targets.length === 0)).toEqual([]);
  expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
});

it("has for every alert a severity, a summary, and a chapter that says what to do", () => {
  const headings = [...page.matchAll(/^### (Postern\w+)$/gm)].map(([, name]) => name);

  for (const { name, severity, summary, runbook } of alerts()) {
    expect(["critical", "warning"], name).toContain(severity);
    expect(summary, name).toMatch(/\.$/);
    expect(runbook, name).toBe(`docs/metrics.md#${name.toLowerCase()}`);
  }
  expect(alerts().map(({ name }) => name)).toEqual(headings);
});

it("finds what is wrong in a question: a check that lets all through would hold of itself", async () => {
  const words = await wordsOfLabels();

  expect(unknownIn("rate(relay_nothing_total[5m])", words)).toHaveLength(1);
  expect(unknownIn('relay_pauses_total{reason="x"}', words)).toHaveLength(1);
  expect(unknownIn('relay_connections_closed_total{reason="wrong"}', words)).toHaveLength(1);
  expect(unknownIn('relay_connections_closed_total{reason=~"normal|wrong"}', words)).toHaveLength(1);
  expect(unknownIn('postern_probe_check_success{check="wrong"}', words)).toHaveLength(1);
  expect(unknownIn("postern_probe_nothing == 0", words)).toHaveLength(1);
  expect(unknownIn("sum by (dialect) (relay_pauses_total)", words)).toHaveLength(1);
  expect(unknownIn('relay_connections_closed_total{reason=~"normal|other"}', words)).toEqual([]);
});

/** The words of every label of every metric, by `metric label`: a relay shows all of them from its start. */
type Words = ReadonlyMap<string, readonly string[]>;

async function wordsOfLabels(): Promise<Words> {
  const relay = await startRelay({ adminToken: ADMIN_TOKEN });
  const { body } = await askAsAdmin(relay, "/metrics");
  const words = new Map<string, string[]>();
  for (const { name } of probeMetrics) {
    words.set(`${name} check`, [...checkNames]);
    words.set(`${name} cause`, Object.keys(causes));
  }
  for (const [, name = "", labels = ""] of body.matchAll(/^(\w+)\{(.*)\} /gm)) {
    for (const [, label, word = ""] of labels.matchAll(/(\w+)="([^"]*)"/g)) {
      const known = words.get(`${name} ${label}`) ?? [];
      if (!known.includes(word)) words.set(`${name} ${label}`, [...known, word]);
    }
  }
  return words;
}

function labelsOf({ name, labels }: Pick<MetricRow, "name" | "labels">, words: Words): string {
  return labels
    .map((label) => {
      const shown = label === "version" ? ["the version"] : words.get(`${name} ${label}`)?.map((word) => `\`${word}\``);
      return `\`${label}\`: ${shown?.join(", ")}`;
    })
    .join("; ");
}

function dashboardExpressions(): readonly string[] {
  return dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
}

type Alert = Readonly<Record<"name" | "expr" | "severity" | "summary" | "runbook", string>>;

/** The alerts of the file, which is YAML of a simple kind. */
function alerts(): readonly Alert[] {
  return rules
    .split(/^ *- alert: /m)
    .slice(1)
    .map((text) => ({
      name: text.split("\n", 1)[0] ?? "",
      expr: /expr: (?:>-\n)?([\s\S]*?)\n +(for|labels):/.exec(text)?.[1] ?? "",
      severity: /severity: (\w+)/.exec(text)?.[1] ?? "",
      summary: /summary: "(.*)"/.exec(text)?.[1] ?? "",
      runbook: /runbook: (\S+)/.exec(text)?.[1] ?? "",
    }));
}

/** What an expression asks for that is not there. */
function unknownIn(expr: string, words: Words): readonly string[] {
  const rows = new Map(metricsTable.map((row) => [row.name, row.labels]));
  for (const part of ["bucket", "sum", "count"]) rows.set(`${latencyMetric.name}_${part}`, ["le"]);
  for (const { name, label } of probeMetrics) rows.set(name, ["relay", ...(label === undefined ? [] : [label])]);
  const unknown: string[] = [];
  const labels = new Set(["instance", "job", "le"]);
  for (const [, name = "", matchers = ""] of expr.matchAll(
    /\b((?:relay|process|nodejs|postern)_\w+)(?:\{([^}]*)\})?/g,
  )) {
    if (!rows.has(name)) unknown.push(name);
    for (const label of rows.get(name) ?? []) labels.add(label);
    for (const [, label = "", matched = ""] of matchers.matchAll(/(\w+)=~?"([^"]*)"/g)) {
      if (label === "instance" || label === "job") continue;
      const known = words.get(`${name} ${label}`) ?? [];
      unknown.push(...matched.split("|").filter((word) => !known.includes(word)));
    }
  }
  const grouped = [...expr.matchAll(/\b(?:by|on) \(([^)]*)\)/g)].flatMap(([, list = ""]) => list.split(/, */));
  return [...unknown, ...grouped.filter((label) => !labels.has(label))];
}
