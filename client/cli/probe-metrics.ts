import type { CauseName } from "../doctor/common/causes.ts";
import type { Finding } from "../doctor/common/finding.ts";
import type { Verdict } from "../doctor/common/verdict.ts";

/** One look at a relay from outside. */
export type Probe = {
  /** Of the relay, with nothing secret in it. */
  readonly address: string;
  readonly findings: readonly Finding[];
  readonly verdict: Verdict;
  readonly tookMs: number;
  /** When it ended, in milliseconds since the epoch. */
  readonly endedAtMs: number;
};

/** A value with its label beside `relay`, where the metric has one. */
type Sample = { readonly word?: string; readonly value: number };

/** One metric of `probe`. All are gauges, and have the label `relay`, the relay's address. */
type ProbeMetric = {
  readonly name: string;
  /** A further label. */
  readonly label?: "check" | "cause";
  readonly help: string;
  readonly read: (probe: Probe) => readonly Sample[];
};

/** The one table of the metrics of `probe`: its output, docs/metrics.md and the alerts come from it or are compared with it. */
export const probeMetrics: readonly ProbeMetric[] = [
  {
    name: "postern_probe_success",
    help: "1 where apps get through to the relay, be it by a detour; else 0",
    read: ({ verdict }) => [{ value: verdict.works ? 1 : 0 }],
  },
  {
    name: "postern_probe_cause",
    label: "cause",
    help: "1 for what stands in the way, or what apps only get past; nothing where there is nothing",
    read: ({ verdict }) => {
      const cause = causeOf(verdict);
      return cause === undefined ? [] : [{ word: cause, value: 1 }];
    },
  },
  {
    name: "postern_probe_check_success",
    label: "check",
    help: "1 where a check is as it should be, 0 where it failed or noted something; nothing where it was not looked at",
    read: ({ findings }) =>
      findings
        .filter(({ state }) => state !== "skipped")
        .map(({ check, state }) => ({ word: check, value: state === "ok" ? 1 : 0 })),
  },
  {
    name: "postern_probe_check_seconds",
    label: "check",
    help: "How long tcp, tls, upgrade, join and long poll took, and a small message there and back (round trip, the median)",
    read: ({ findings }) =>
      findings.flatMap(({ check, tookMs }) => (tookMs === undefined ? [] : [{ word: check, value: tookMs / 1000 }])),
  },
  {
    name: "postern_probe_certificate_not_after_seconds",
    help: "Until when the certificate that was seen is valid, in seconds since the epoch",
    read: ({ findings }) =>
      findings.flatMap(({ validUntilMs }) => (validUntilMs === undefined ? [] : [{ value: validUntilMs / 1000 }])),
  },
  {
    name: "postern_probe_duration_seconds",
    help: "How long the probe took",
    read: ({ tookMs }) => [{ value: tookMs / 1000 }],
  },
  {
    name: "postern_probe_timestamp_seconds",
    help: "When the probe ended, in seconds since the epoch",
    read: ({ endedAtMs }) => [{ value: endedAtMs / 1000 }],
  },
];

/** What a probe has found, in the text format of Prometheus, version 0.0.4. */
export function probeText(probe: Probe): string {
  return probeMetrics
    .flatMap((metric) => {
      const samples = metric.read(probe);
      const lines = samples.map((sample) => `${metric.name}{${labelsOf(metric, sample, probe)}} ${sample.value}\n`);
      return lines.length === 0
        ? []
        : [`# HELP ${metric.name} ${metric.help}\n# TYPE ${metric.name} gauge\n`, ...lines];
    })
    .join("");
}

function labelsOf({ label }: ProbeMetric, { word = "" }: Sample, { address }: Probe): string {
  const relay = `relay="${escaped(address)}"`;
  return label === undefined ? relay : `${relay},${label}="${escaped(word)}"`;
}

function escaped(text: string): string {
  return text.replace(/["\\]/g, "\\$&").replaceAll("\n", "\\n");
}

function causeOf(verdict: Verdict): CauseName | undefined {
  return verdict.works ? verdict.hindrance : verdict.cause;
}
