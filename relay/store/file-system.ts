import { statfs } from "node:fs/promises";
import type { StoreHazard } from "./ports.ts";
import { StoreError } from "./store-error.ts";

/**
 * File systems on which the store does not start, by what Linux calls their type (statfs(2), linux/magic.h). A write-ahead
 * log needs memory that all who have it open share, and locks that hold: over a network there is neither.
 */
const REFUSED: ReadonlyMap<number, string> = new Map([
  [0x6969, "NFS"],
  [0x517b, "SMB"],
  [0xff53_4d42, "SMB (cifs)"],
  [0xfe53_4d42, "SMB (smb2)"],
  [0x0102_1997, "9P"],
  [0x6573_5546, "FUSE"],
  [0x00c3_6400, "Ceph"],
  [0x0bd0_0bd0, "Lustre"],
  [0x4750_4653, "GPFS"],
  [0x5346_414f, "AFS"],
  [0x6b41_4653, "AFS"],
  [0x7375_7245, "Coda"],
  [0x564c, "NCP"],
  [0x786f_4256, "VirtualBox shared folders"],
  [0x0116_1970, "GFS2"],
  [0x7461_636f, "OCFS2"],
]);

/** File systems that end with something, by their type: with a container, or with the machine's next start. */
const ENDING: ReadonlyMap<number, StoreHazard> = new Map([
  [0x794c_7630, "container"],
  [0x6175_6673, "container"],
  [0x0102_1994, "memory"],
  [0x8584_58f6, "memory"],
]);

/** What is to be known of where the store is. */
type TypeOf = (directory: string) => Promise<number>;

const typeOnThisMachine: TypeOf = async (directory) => (await statfs(directory)).type;

/** What a directory ends with: that of a container's own layer, or one in memory. Undefined: with its disk. */
export async function hazardOf(
  directory: string,
  typeOf: TypeOf = typeOnThisMachine,
): Promise<StoreHazard | undefined> {
  return process.platform === "linux" ? ENDING.get(await typeOf(directory)) : undefined;
}

/**
 * Looks what a directory is on. Other systems than Linux do not tell it by a number that is known: there nothing is refused.
 * @throws StoreError `store-unsupported` with the reason.
 */
export async function checkFileSystem(directory: string, typeOf: TypeOf = typeOnThisMachine): Promise<void> {
  if (process.platform !== "linux") return;
  const name = REFUSED.get(await typeOf(directory));
  if (name === undefined) return;
  throw new StoreError(
    "store-unsupported",
    `${directory} is on ${name}. The store needs a disk of this machine: its write-ahead log needs shared memory and locks, which ${name} does not have as a local file system has them. Choose another with --mailbox-directory`,
  );
}
