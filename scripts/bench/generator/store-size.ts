import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { StoreSizeWorkload } from "../workload.ts";
import { Deposits, type StoringServer } from "./deposits.ts";
import { type Measurement, openAccounts } from "./measurement.ts";
import type { Subject } from "./members.ts";

/** Messages that come first: files are made by then, and logs as long as they become. */
const FIRST_COUNT = 4000;
/** stat(2) counts blocks of this size, whatever those of the file system are. */
const BLOCK_BYTES = 512;

/** Stores messages, and tells what the server's directory grew by. */
export async function measureStoreSize(
  subject: Subject,
  { messageCount, payloadBytes }: StoreSizeWorkload,
  { serverPid, serverDirectory }: StoringServer,
): Promise<Measurement> {
  const about = { id: "", sentence: "", kind: "deposit", connectionCount: 8, underWayCount: 32, payloadBytes } as const;
  const deposits = new Deposits(subject, about);
  await deposits.open();
  await deposits.store(FIRST_COUNT);
  const bytesBefore = allocatedBytes(serverDirectory);
  const accounts = openAccounts(serverPid);
  await deposits.store(messageCount);
  const measurement = accounts.close(messageCount, deposits.latency);
  const grownBytes = allocatedBytes(serverDirectory) - bytesBefore;
  deposits.close();
  return { ...measurement, grownBytes };
}

/** What the files below a folder take on the disk. */
function allocatedBytes(folder: string): number {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return entries.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).blocks * BLOCK_BYTES, 0);
}
