import { setTimeout as after } from "node:timers/promises";
import type { IdleWorkload } from "../workload.ts";
import { Bystander, bystanderOf } from "./bystander.ts";
import { Connection } from "./connection.ts";
import { Histogram } from "./histogram.ts";
import { type Measurement, openAccounts } from "./measurement.ts";
import type { Subject } from "./members.ts";
import { processTree, residentBytes } from "./process-usage.ts";
import { createSession } from "./sessions/create-session.ts";

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
        const member = bystanderOf(connections.length, Math.floor(connections.length / 2));
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
