import { performance } from "node:perf_hooks";
import { setTimeout as after } from "node:timers/promises";
import type { HandshakeWorkload } from "../workload.ts";
import { Bystander, bystanderOf } from "./bystander.ts";
import { Connection } from "./connection.ts";
import type { Durations } from "./exchange.ts";
import { Histogram } from "./histogram.ts";
import type { Load } from "./load.ts";
import { type Measurement, openAccounts } from "./measurement.ts";
import type { Subject } from "./members.ts";
import { createSession } from "./sessions/create-session.ts";

/** Nothing is delivered here. */
const CONNECTION_OPTIONS = { payloadBytes: 1, keepBytes: 4096 } as const;

/** Connects, joins and closes, so many at once, and counts. */
export async function measureHandshakes(
  subject: Subject,
  workload: HandshakeWorkload,
  serverPid: number,
  { warmUpMs, measureMs }: Durations,
): Promise<Measurement> {
  const handshakes = new Handshakes(subject, workload);
  const working = handshakes.work(warmUpMs + measureMs);
  await Promise.race([after(warmUpMs), working]);
  handshakes.clear();
  const accounts = openAccounts(serverPid);
  await Promise.race([after(measureMs), working]);
  const measurement = accounts.close(handshakes.count, handshakes.latency);
  const { resumedCount } = handshakes;
  await working;
  return { ...measurement, resumedCount };
}

/** Connections that come and go. */
export class Handshakes implements Load {
  count = 0;
  resumedCount = 0;
  readonly latency: Histogram = new Histogram();
  readonly #subject: Subject;
  readonly #workload: HandshakeWorkload;
  #memberCount = 0;
  #isStopped = false;

  constructor(subject: Subject, workload: HandshakeWorkload) {
    this.#subject = subject;
    this.#workload = workload;
  }

  async open(): Promise<void> {
    // Connections are the work.
  }

  async work(durationMs: number): Promise<number> {
    const countBefore = this.count;
    this.#isStopped = false;
    const loops = Array.from({ length: this.#workload.atOnce }, () => this.#loop());
    await Promise.race([after(durationMs), ...loops]);
    this.#isStopped = true;
    await Promise.all(loops);
    return this.count - countBefore;
  }

  close(): void {
    // None is open.
  }

  clear(): void {
    this.count = 0;
    this.resumedCount = 0;
    this.latency.clear();
  }

  /** One connection after the other until stopped, each resuming the one before where that is the workload. */
  async #loop(): Promise<void> {
    let tlsSession: Buffer | undefined;
    while (!this.#isStopped) {
      const beforeMs = performance.now();
      // Five digits: names may come again after a hundred thousand connections, long after the first is gone.
      const member = bystanderOf(this.#memberCount % 100_000, this.#memberCount % 10_000);
      this.#memberCount += 1;
      const { target, sessionName } = this.#subject;
      const session = createSession(sessionName, member);
      const options = { ...CONNECTION_OPTIONS, tlsSession: this.#workload.isResumed ? tlsSession : undefined };
      const connection = new Connection(target, member, session, new Bystander(), options);
      await connection.open();
      this.count += 1;
      if (connection.socket.isSessionReused()) this.resumedCount += 1;
      this.latency.add((performance.now() - beforeMs) * 1000);
      tlsSession = connection.tlsSession ?? tlsSession;
      await connection.closed();
    }
  }
}
