import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { type LinesSetting, placeOf } from "./cut-lines.ts";
import type { LinesBeginning, LinesOrder } from "./cut-lines-thread.ts";

const THREAD = new URL("cut-lines-thread.ts", import.meta.url);

/** Bytes that went over a line. */
export type LineBytes = { readonly toServer: number; readonly fromServer: number };

/** Lines between members and a server that can be cut, one by one. What they carry is carried by another thread. */
export class CutProxy {
  readonly #thread: Worker;
  readonly #ports: readonly number[];
  readonly #bytes: Float64Array;

  private constructor(thread: Worker, ports: readonly number[], bytes: Float64Array) {
    this.#thread = thread;
    this.#ports = ports;
    this.#bytes = bytes;
  }

  /** Listens for so many members on free ports of loopback. @param delayMs for which each byte is under way; 0: it is passed on */
  static async listen(serverPort: number, memberCount: number, delayMs: number): Promise<CutProxy> {
    const setting: LinesSetting = { serverPort, memberCount, delayMs };
    const shared = new SharedArrayBuffer(placeOf(memberCount) * Float64Array.BYTES_PER_ELEMENT);
    const bytes = new Float64Array(shared);
    const thread = new Worker(THREAD, { workerData: { ...setting, bytes } satisfies LinesBeginning });
    const [ports] = (await once(thread, "message")) as [readonly number[]];
    return new CutProxy(thread, ports, bytes);
  }

  /** The port of a member. */
  port(member: number): number {
    return this.#ports[member] ?? 0;
  }

  /** What has gone over a member's line since the start. */
  bytes(member: number): LineBytes {
    const place = placeOf(member);
    return { toServer: this.#bytes[place] ?? 0, fromServer: this.#bytes[place + 1] ?? 0 };
  }

  /** Resets the connections of these members, and every further one, until `mend`. Resolves when that is done. */
  async cut(...members: readonly number[]): Promise<void> {
    for (const member of members) await this.#tell({ order: "cut", member });
  }

  /** Resolves when these members can connect again. */
  async mend(...members: readonly number[]): Promise<void> {
    for (const member of members) await this.#tell({ order: "mend", member });
  }

  async close(): Promise<void> {
    const ended = once(this.#thread, "exit");
    this.#post({ order: "close" });
    await ended;
  }

  async #tell(order: LinesOrder): Promise<void> {
    const done = once(this.#thread, "message");
    this.#post(order);
    await done;
  }

  #post(order: LinesOrder): void {
    this.#thread.postMessage(order, []);
  }
}
