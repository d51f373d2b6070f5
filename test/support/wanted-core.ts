import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type Corestore from "corestore";
import { expect } from "vitest";
import { newStore, replicate } from "./cores.ts";
import { eventually } from "./eventually.ts";
import type { TestSwarm } from "./swarms.ts";

const BLOCK_BYTES = 64 * 1024;
/** So many different ones are appended again and again. */
const DISTINCT_COUNT = 100;
const STEP_MS = 200;

/** A core of random blocks of 64 KiB that one swarm has, and another one wants. */
export class WantedCore {
  readonly blockCount: number;
  readonly #blocks: readonly Buffer[];
  readonly #copy: Corestore.Core;
  #downloadedCount = 0;

  private constructor(copy: Corestore.Core, blocks: readonly Buffer[], blockCount: number) {
    this.#copy = copy;
    this.#blocks = blocks;
    this.blockCount = blockCount;
    copy.on("download", () => (this.#downloadedCount += 1));
  }

  /** Resolves when the reader knows how long it is. @param blockCount a multiple of 100 */
  static async between(writer: TestSwarm, reader: TestSwarm, blockCount: number): Promise<WantedCore> {
    const [written, read] = [await newStore(), await newStore()];
    replicate(written, writer.swarm);
    replicate(read, reader.swarm);
    const core = written.get({ name: "core" });
    await core.ready();
    const blocks = Array.from({ length: DISTINCT_COUNT }, () => randomBytes(BLOCK_BYTES));
    for (let count = 0; count < blockCount; count += blocks.length) await core.append(blocks);
    writer.swarm.join(core.discoveryKey, { client: false, server: true });
    reader.swarm.join(core.discoveryKey, { client: true, server: false });
    const copy = read.get({ key: core.key });
    await copy.ready();
    await eventually(async () => {
      await copy.update();
      expect(copy.length).toBe(blockCount);
    });
    return new WantedCore(copy, blocks, blockCount);
  }

  /** How many blocks have come so far, each counted once by Hypercore. */
  get downloadedCount(): number {
    return this.#downloadedCount;
  }

  /** Resolves when the reader has these. */
  download(start: number, end: number): Promise<void> {
    return this.#copy.download({ start, end }).done();
  }

  /** Downloads on from a block, slowly, until something is so, which must be before `end`. @returns the next block */
  async downloadUntil(start: number, end: number, isSo: () => boolean): Promise<number> {
    let next = start;
    for (; !isSo() && next < end; next += 1) {
      await this.#copy.get(next);
      await sleep(STEP_MS);
    }
    expect(isSo()).toBe(true);
    return next;
  }

  /** All blocks are here, and each is as it was. */
  async verify(): Promise<void> {
    expect(this.#downloadedCount).toBe(this.blockCount);
    for (let index = 0; index < this.blockCount; index += 1) {
      expect(this.#blocks[index % DISTINCT_COUNT]?.equals(await this.#copy.get(index))).toBe(true);
    }
  }
}
