import { setFlagsFromString } from "node:v8";
import { YoungGeneration } from "./young-generation.ts";

/**
 * Keeps V8's young generation small until a relay is busy, and sets how far V8's heap may grow before all of it is
 * collected: to two and a half times what the last collection left.
 *
 * Bytes that sockets bring count as heap until the young generation is collected. Left alone, V8 may take what it does
 * for them as a sign that memory is short: it collects everything, finds nothing, allows less growth, and so goes on, for
 * as long as the stream lasts. With 64 KiB messages, the relay on one core, that was twice the CPU and a p99 of 15 ms in
 * place of 2 in six of ten starts; with this in none of five, and with 60 in place of 150 in all of four. In bench W3 it
 * is the wide range of a cost, and the time that the server waits for its own collector.
 *
 * For a process that is a relay and nothing else: it is V8's, and not one relay's. `NODE_OPTIONS` would not take the flag.
 */
export function tuneHeap(): void {
  YoungGeneration.hold();
  setFlagsFromString("--heap-growing-percent=150");
}
