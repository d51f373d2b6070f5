import type { Clock, Timer } from "../clock.ts";
import type { EventLoopLag } from "./event-loop-lag.ts";
import { type LatencyReading, quantileSeconds } from "./latency-histogram.ts";
import type { Readings } from "./readings.ts";

/** One point of the charts each ten seconds, for half an hour. */
const HISTORY_INTERVAL_MS = 10_000;
const MAX_POINTS = 180;

/** What happened in one interval. Rates are per second; latency is undefined where nothing was delivered. */
export type HistoryPoint = {
  readonly atMs: number;
  readonly connections: number;
  readonly received: number;
  readonly sent: number;
  readonly bytesSent: number;
  readonly latencyP50: number | undefined;
  readonly latencyP99: number | undefined;
};

type Totals = { readonly received: number; readonly sent: number; readonly bytesSent: number };
type Earlier = Totals & { readonly atMs: number; readonly latency: LatencyReading };

/** What each point is made of: nothing for which all connections would have to be looked at. */
export type HistoryReading = Pick<Readings, "connections" | "traffic" | "latency">;

/** What it uses. */
export type HistoryParts = {
  readonly clock: Clock;
  readonly read: () => HistoryReading;
  readonly lag: Pick<EventLoopLag, "turn">;
};

/** The last half hour, for the charts of the status page. */
export class History {
  readonly #parts: HistoryParts;
  readonly #points: HistoryPoint[] = [];
  #earlier: Earlier | undefined;
  #timer: Timer | undefined;

  constructor(parts: HistoryParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#turn();
    this.#timer = this.#parts.clock.every(HISTORY_INTERVAL_MS, () => this.#turn());
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** Oldest first. */
  points(): readonly HistoryPoint[] {
    return this.#points;
  }

  #turn(): void {
    const { clock, read, lag } = this.#parts;
    lag.turn();
    const readings = read();
    const now = { ...totalsOf(readings), atMs: clock.monotonicMs(), latency: readings.latency };
    const before = this.#earlier;
    this.#earlier = now;
    if (before === undefined) return;
    const seconds = (now.atMs - before.atMs) / 1000;
    this.#points.push({
      atMs: clock.epochMs(),
      connections: readings.connections,
      received: (now.received - before.received) / seconds,
      sent: (now.sent - before.sent) / seconds,
      bytesSent: (now.bytesSent - before.bytesSent) / seconds,
      latencyP50: quantileSeconds(now.latency, before.latency, 0.5),
      latencyP99: quantileSeconds(now.latency, before.latency, 0.99),
    });
    if (this.#points.length > MAX_POINTS) this.#points.shift();
  }
}

function totalsOf({ traffic }: HistoryReading): Totals {
  let [received, sent, bytesSent] = [0, 0, 0];
  for (const way of traffic) {
    received += way.received.messageCount;
    sent += way.sent.messageCount;
    bytesSent += way.sent.byteCount;
  }
  return { received, sent, bytesSent };
}
