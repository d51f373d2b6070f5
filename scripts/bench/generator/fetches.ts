import { performance } from "node:perf_hooks";
import { setTimeout as after } from "node:timers/promises";
import type { FetchWorkload } from "../workload.ts";
import { Bystander, bystanderOf } from "./bystander.ts";
import { Connection } from "./connection.ts";
import { Deposits } from "./deposits.ts";
import type { Durations } from "./exchange.ts";
import { Histogram } from "./histogram.ts";
import type { Load } from "./load.ts";
import { type Measurement, openAccounts } from "./measurement.ts";
import type { Subject } from "./members.ts";
import { V1MailboxSession } from "./sessions/v1-mailbox.ts";

/** Nothing is a delivery; and of each message all is kept, to read it. */
const CONNECTION_OPTIONS = { payloadBytes: Number.MAX_SAFE_INTEGER, keepBytes: 4096 } as const;
const FETCH_TIMEOUT_MS = 10_000;
/** As the first depositor, whose mailbox it opens. */
const OWNER = bystanderOf(0, 0);

/** Opens a mailbox again and again, and counts what is given. A latency is that of a whole fetch. */
export async function measureFetches(
  subject: Subject,
  workload: FetchWorkload,
  serverPid: number,
  { warmUpMs, measureMs }: Durations,
): Promise<Measurement> {
  const fetches = new Fetches(subject, workload);
  await fetches.open();
  await fetches.work(warmUpMs);
  fetches.latency.clear();
  const accounts = openAccounts(serverPid);
  const count = await fetches.work(measureMs);
  const measurement = accounts.close(count, fetches.latency);
  fetches.close();
  return measurement;
}

/** An owner on one connection, and what waits for it. */
export class Fetches implements Load {
  readonly latency: Histogram = new Histogram();
  readonly #subject: Subject;
  readonly #workload: FetchWorkload;
  readonly #session = new V1MailboxSession(OWNER);
  readonly #bystander = new Bystander();
  #connection: Connection | undefined;

  constructor(subject: Subject, workload: FetchWorkload) {
    this.#subject = subject;
    this.#workload = workload;
  }

  /** Deposits what waits, and connects. */
  async open(): Promise<void> {
    const { messageCount, payloadBytes } = this.#workload;
    const about = {
      id: "",
      sentence: "",
      kind: "deposit",
      connectionCount: 1,
      underWayCount: 32,
      payloadBytes,
    } as const;
    const deposits = new Deposits(this.#subject, about);
    await deposits.open();
    await deposits.store(messageCount);
    deposits.close();
    this.#connection = new Connection(this.#subject.target, OWNER, this.#session, this.#bystander, CONNECTION_OPTIONS);
    await this.#connection.open();
  }

  async work(durationMs: number): Promise<number> {
    const endMs = performance.now() + durationMs;
    let count = 0;
    do {
      const beforeMs = performance.now();
      await this.#fetch();
      this.latency.add((performance.now() - beforeMs) * 1000);
      count += this.#workload.messageCount;
    } while (performance.now() < endMs);
    return count;
  }

  close(): void {
    this.#connection?.close();
  }

  async #fetch(): Promise<void> {
    let leftCount = this.#workload.messageCount;
    const timeOut = new AbortController();
    const fetched = new Promise<void>((resolve) => {
      this.#session.onMessage = () => {
        leftCount -= 1;
        if (leftCount === 0) resolve();
      };
    });
    this.#connection?.socket.write(this.#session.open());
    await Promise.race([
      fetched,
      after(FETCH_TIMEOUT_MS, undefined, { signal: timeOut.signal }).catch(() => undefined),
    ]);
    timeOut.abort();
    this.#bystander.throwIfFailed();
    if (leftCount > 0) throw new Error(`${leftCount} messages did not come in ${FETCH_TIMEOUT_MS} ms`);
  }
}
