import { cpuUsage } from "node:process";
import type { Sealing } from "../../client/sealing/cryptography.ts";
import { WebCryptography } from "../../client/sealing/web-cryptography.ts";

/** What sealing one frame and opening it again costs, in microseconds: of CPU in all threads of the process, and until it is done. */
export type SealingCost = { readonly frameBytes: number; readonly cpuMicros: number; readonly elapsedMicros: number };

const FRAME_BYTES = [1024, 65_536];
const CLEAR_BYTES = 8;
const ROUNDS = 5;
const BYTES_PER_ROUND = 33_554_432;
const MAX_FRAMES_PER_ROUND = 4096;

const cryptography = new WebCryptography();
const source = await cryptography.source(new Uint8Array(32));
const key = await cryptography.deriveKey(source, new Uint8Array(16), new Uint8Array(8));

async function sealAndOpen(frame: Uint8Array, count: number): Promise<void> {
  for (let seq = 0; seq < count; seq += 1) {
    const nonce = new Uint8Array(12);
    new DataView(nonce.buffer).setUint32(8, seq);
    const how: Sealing = { nonce, additionalData: new Uint8Array(2) };
    const sealed = await cryptography.seal(key, frame, CLEAR_BYTES, how);
    if ((await cryptography.open(key, sealed, CLEAR_BYTES, how)) === undefined) throw new Error("it does not open");
  }
}

async function measure(frameBytes: number): Promise<SealingCost> {
  const frame = new Uint8Array(frameBytes).fill(7);
  const count = Math.min(MAX_FRAMES_PER_ROUND, BYTES_PER_ROUND / frameBytes);
  await sealAndOpen(frame, count);
  const rounds: SealingCost[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const [before, beganAtMs] = [cpuUsage(), performance.now()];
    await sealAndOpen(frame, count);
    const elapsedMicros = ((performance.now() - beganAtMs) * 1000) / count;
    const after = cpuUsage();
    const cpuMicros = (after.user + after.system - before.user - before.system) / count;
    rounds.push({ frameBytes, cpuMicros, elapsedMicros });
  }
  // The round with the median of CPU.
  const sorted = rounds.toSorted((one, other) => one.cpuMicros - other.cpuMicros);
  return sorted[(ROUNDS - 1) / 2] ?? { frameBytes, cpuMicros: Number.NaN, elapsedMicros: Number.NaN };
}

const costs: SealingCost[] = [];
for (const frameBytes of FRAME_BYTES) costs.push(await measure(frameBytes));
console.log(JSON.stringify(costs));
