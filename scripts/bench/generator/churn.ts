import { performance } from "node:perf_hooks";
import { setTimeout as after } from "node:timers/promises";
import type { ChurnWorkload } from "../workload.ts";
import { Bystander, bystanderOf } from "./bystander.ts";
import { Connection } from "./connection.ts";
import type { Durations } from "./exchange.ts";
import { Histogram } from "./histogram.ts";
import type { Load } from "./load.ts";
import { type Measurement, openAccounts } from "./measurement.ts";
import type { Subject } from "./members.ts";
import { createSession } from "./sessions/create-session.ts";

const CONNECTION_OPTIONS = { payloadBytes: 1, keepBytes: 4096 } as const;
const OPENED_AT_ONCE = 16;
/** The joins of thousands cause millions of announcements, and all must have come. */
const SETTLE_MS = 1000;
const TOPIC_INDEX = 0;
/** Those that come and go have names of their own, above those that stay. */
const FIRST_VISITOR = 50_000;
const PACE_INTERVAL_MS = 1;

/** Lets members come to a large topic and leave it, so many in a second, and counts. */
export async function measureChurn(
  subject: Subject,
  workload: ChurnWorkload,
  serverPid: number,
  { warmUpMs, measureMs }: Durations,
): Promise<Measurement> {
  const churn = new Churn(subject, workload);
  await churn.open();
  await churn.work(warmUpMs);
  churn.latency.clear();
  const accounts = openAccounts(serverPid);
  const count = await churn.work(measureMs);
  const measurement = accounts.close(count, churn.latency);
  churn.close();
  return measurement;
}

/** A topic whose members stay, and visitors. */
export class Churn implements Load {
  readonly latency: Histogram = new Histogram();
  readonly #subject: Subject;
  readonly #workload: ChurnWorkload;
  readonly #bystander: Bystander = new Bystander();
  readonly #members: Connection[] = [];
  #visitorCount = 0;

  constructor(subject: Subject, workload: ChurnWorkload) {
    this.#subject = subject;
    this.#workload = workload;
  }

  async open(): Promise<void> {
    const { memberCount } = this.#workload;
    while (this.#members.length < memberCount) {
      const count = Math.min(OPENED_AT_ONCE, memberCount - this.#members.length);
      const opened = Array.from({ length: count }, (_, place) => this.#connect(this.#members.length + place));
      await Promise.all(opened.map((connection) => connection.open()));
      this.#members.push(...opened);
    }
    await after(SETTLE_MS);
  }

  async work(durationMs: number): Promise<number> {
    const { visitsPerSecond } = this.#workload;
    const wantedCount = Math.max(1, Math.round((durationMs * visitsPerSecond) / 1000));
    const startMs = performance.now();
    const visits: Promise<void>[] = [];
    while (visits.length < wantedCount || performance.now() - startMs < durationMs) {
      const dueCount = Math.ceil(((performance.now() - startMs) * visitsPerSecond) / 1000);
      while (visits.length < Math.min(dueCount, wantedCount)) visits.push(this.#visit());
      await after(PACE_INTERVAL_MS);
    }
    await Promise.all(visits);
    this.#bystander.throwIfFailed();
    return visits.length;
  }

  close(): void {
    for (const connection of this.#members) connection.close();
  }

  /** Joins, and leaves when it has joined. */
  async #visit(): Promise<void> {
    const beforeMs = performance.now();
    const connection = this.#connect(FIRST_VISITOR + (this.#visitorCount % FIRST_VISITOR));
    this.#visitorCount += 1;
    await connection.open();
    this.latency.add((performance.now() - beforeMs) * 1000);
    await connection.closed();
  }

  #connect(index: number): Connection {
    const { target, sessionName } = this.#subject;
    const member = bystanderOf(index, TOPIC_INDEX);
    return new Connection(target, member, createSession(sessionName, member), this.#bystander, CONNECTION_OPTIONS);
  }
}
