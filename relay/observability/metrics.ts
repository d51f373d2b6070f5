import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { latencyBuckets } from "./latency-histogram.ts";
import { latencyMetric, type MetricRow, metricsTable } from "./metrics-table.ts";
import type { Readings } from "./readings.ts";

/** Writes the metrics for Prometheus. Nothing is counted here: each scrape reads what the parts of the relay have counted. */
export class Metrics {
  readonly #read: () => Readings;
  readonly #registry = new Registry();
  /** Of the scrape at hand, one for all metrics, so that they fit together. */
  #readings: Readings | undefined;

  constructor(read: () => Readings) {
    this.#read = read;
    const current = (): Readings => (this.#readings ??= read());
    for (const row of metricsTable) register(this.#registry, row, current);
    this.#registry.registerMetric(new ReadHistogram(current));
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Prometheus' text format. */
  render(): Promise<string> {
    this.#readings = this.#read();
    return this.#registry.metrics();
  }
}

function register(registry: Registry, { name, type, help, labels, read }: MetricRow, current: () => Readings): void {
  const common = { name, help, labelNames: labels, registers: [registry] };
  if (type === "gauge") {
    const gauge = new Gauge({
      ...common,
      collect: () => {
        gauge.reset();
        if (labels.length === 0) gauge.remove();
        for (const sample of read(current())) gauge.set(sample.labels, sample.value);
      },
    });
    return;
  }
  const counter = new Counter({
    ...common,
    collect: () => {
      counter.reset();
      for (const sample of read(current())) counter.inc(sample.labels, sample.value);
    },
  });
}

/**
 * The histogram is kept by the relay, in cumulative buckets; prom-client only writes it. A gauge by its class, because
 * that is written as `get` gives it; a histogram by all that `get` gives.
 */
class ReadHistogram extends Gauge {
  readonly #current: () => Readings;
  readonly #shape: Histogram;

  constructor(current: () => Readings) {
    const { name, help } = latencyMetric;
    super({ name, help, registers: [] });
    this.#shape = new Histogram({ name, help, registers: [] });
    this.#current = current;
  }

  override async get(): ReturnType<Gauge["get"]> {
    const { cumulative, count, sumSeconds } = this.#current().latency;
    const { name } = latencyMetric;
    const buckets = latencyBuckets.map((bound, index) => bucket(bound, cumulative[index] ?? 0));
    return {
      ...(await this.#shape.get()),
      values: [
        ...buckets,
        bucket("+Inf", count),
        named(`${name}_sum`, {}, sumSeconds),
        named(`${name}_count`, {}, count),
      ],
    };
  }
}

type NamedValue = { readonly metricName: string; readonly labels: Record<string, string>; readonly value: number };

function bucket(bound: number | "+Inf", value: number): NamedValue {
  return named(`${latencyMetric.name}_bucket`, { le: String(bound) }, value);
}

function named(metricName: string, labels: Record<string, string>, value: number): NamedValue {
  return { metricName, labels, value };
}
