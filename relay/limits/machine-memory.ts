import { totalmem } from "node:os";

/** The memory that this process can get, in bytes: the machine's, or less where a container or a service has a limit. */
export function machineMemoryBytes(): number {
  const limitBytes = process.constrainedMemory();
  // Without a limit it is 0, or a number beyond any memory.
  return limitBytes > 0 ? Math.min(limitBytes, totalmem()) : totalmem();
}
