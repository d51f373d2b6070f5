import { once } from "node:events";
import { performance } from "node:perf_hooks";
import { setTimeout as after } from "node:timers/promises";
import type { HandshakeWorkload, IdleWorkload } from "../workloads.ts";
import { Connection, type Receiver } from "./connection.ts";
import type { Durations, Subject } from "./exchange.ts";
import { Histogram } from "./histogram.ts";
import { type Measurement, openAccounts } from "./measurement.ts";
import { processTree, residentBytes } from "./process-usage.ts";
import { createSession } from "./sessions/create-session.ts";
import type { Member } from "./sessions/session.ts";

/** Connections that come first, so that what the server sets up once is not counted as theirs. */
const FIRST_COUNT = 50;
const OPENED_AT_ONCE = 16;
/** Buffers of the joins are gone by then. */
const SETTLE_MS = 1000;

/** Nothing is delivered here. */
const CONNECTION_OPTIONS = { payloadBytes: 1, keepBytes: 4096 } as const;

/** Opens connections in topics of two and tells what the server's memory grew by. */
export async function measureIdle(
  { target, sessionName }: Subject,
  { connectionCount }: IdleWorkload,
  serverPid: number,
): Promise<Measurement> {
  const receiver = new Bystander();
  const pids = processTree(serverPid);
  const connections: Connection[] = [];
  const grow = async (count: number): Promise<number> => {
    for (let opened = 0; opened < count; opened += OPENED_AT_ONCE) {
      const batch = Array.from({ length: Math.min(OPENED_AT_ONCE, count - opened) }, () => {
        const member = memberOf(connections.length, Math.floor(connections.length / 2));
        const session = createSession(sessionName, member);
        const connection = new Connection(target, member, session, receiver, CONNECTION_OPTIONS);
        connections.push(connection);
        return connection;
      });
      await Promise.all(batch.map((connection) => connection.open()));
    }
    await after(SETTLE_MS);
    return residentBytes(pids);
  };
  const bytesBefore = await grow(FIRST_COUNT);
  const accounts = openAccounts(serverPid);
  const bytesAfter = await grow(connectionCount);
  receiver.throwIfFailed();
  const measurement = accounts.close(connectionCount, new Histogram());
  for (const connection of connections) connection.close();
  return { ...measurement, grownBytes: bytesAfter - bytesBefore };
}

/** Connects, joins and closes, so many at once, and counts. */
export async function measureHandshakes(
  subject: Subject,
  workload: HandshakeWorkload,
  serverPid: number,
  { warmUpMs, measureMs }: Durations,
): Promise<Measurement> {
  const handshakes = new Handshakes(subject, workload.isResumed);
  const loops = Array.from({ length: workload.atOnce }, () => handshakes.loop());
  const failure = Promise.race(loops);
  await Promise.race([after(warmUpMs), failure]);
  handshakes.clear();
  const accounts = openAccounts(serverPid);
  await Promise.race([after(measureMs), failure]);
  const measurement = accounts.close(handshakes.count, handshakes.latency);
  const { resumedCount } = handshakes;
  handshakes.isStopped = true;
  await Promise.all(loops);
  return { ...measurement, resumedCount };
}

/** Connections that come and go. */
class Handshakes {
  count = 0;
  resumedCount = 0;
  isStopped = false;
  readonly latency: Histogram = new Histogram();
  readonly #subject: Subject;
  readonly #isResumed: boolean;
  #memberCount = 0;

  constructor(subject: Subject, isResumed: boolean) {
    this.#subject = subject;
    this.#isResumed = isResumed;
  }

  clear(): void {
    this.count = 0;
    this.resumedCount = 0;
    this.latency.clear();
  }

  /** One connection after the other until stopped, each resuming the one before where that is the workload. */
  async loop(): Promise<void> {
    let tlsSession: Buffer | undefined;
    while (!this.isStopped) {
      const beforeMs = performance.now();
      // Five digits: names may come again after a hundred thousand connections, long after the first is gone.
      const member = memberOf(this.#memberCount % 100_000, this.#memberCount % 10_000);
      this.#memberCount += 1;
      const { target, sessionName } = this.#subject;
      const receiver = new Bystander();
      const session = createSession(sessionName, member);
      const options = { ...CONNECTION_OPTIONS, tlsSession: this.#isResumed ? tlsSession : undefined };
      const connection = new Connection(target, member, session, receiver, options);
      await connection.open();
      this.count += 1;
      if (connection.socket.isSessionReused()) this.resumedCount += 1;
      this.latency.add((performance.now() - beforeMs) * 1000);
      tlsSession = connection.tlsSession ?? tlsSession;
      const closed = once(connection.socket, "close");
      connection.close();
      await closed;
    }
  }
}

/** Takes deliveries that are none of this workload's business. */
class Bystander implements Receiver {
  #failure: Error | undefined;

  onChunk(): void {
    // Time does not matter.
  }

  onDelivery(): void {
    // Nothing is sent, so nothing comes.
  }

  onFailure(error: Error): void {
    this.#failure ??= error;
  }

  throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}

function memberOf(index: number, topicIndex: number): Member {
  return {
    index,
    peerId: `p${String(index).padStart(5, "0")}`,
    topic: `t${String(topicIndex).padStart(4, "0")}`,
    isSender: true,
    isReceiver: true,
    pairSide: undefined,
  };
}
