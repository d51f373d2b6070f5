/** Each power of two is cut into this many steps: a value is known to 3 %. */
const STEPS_PER_OCTAVE = 32;
const STEP_BITS = 5;
const MAX_MICROS = 0x3fff_ffff;

/** Counts latencies, in whole microseconds from 0 to 18 minutes, and tells percentiles of them. */
export class Histogram {
  readonly #counts = new Float64Array(STEPS_PER_OCTAVE * 32);
  #total = 0;

  add(micros: number): void {
    const index = indexOf(micros > MAX_MICROS ? MAX_MICROS : micros | 0);
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#total += 1;
  }

  clear(): void {
    this.#counts.fill(0);
    this.#total = 0;
  }

  /** The value below which this part of all values lies, from 0 to 1; 0 where there are none. */
  percentileMicros(part: number): number {
    let seen = 0;
    for (const [index, count] of this.#counts.entries()) {
      seen += count;
      if (count > 0 && seen >= part * this.#total) return valueOf(index);
    }
    return 0;
  }
}

function indexOf(micros: number): number {
  if (micros < STEPS_PER_OCTAVE) return micros;
  const octave = 31 - Math.clz32(micros) - STEP_BITS;
  return (octave + 1) * STEPS_PER_OCTAVE + ((micros >>> octave) & (STEPS_PER_OCTAVE - 1));
}

function valueOf(index: number): number {
  if (index < STEPS_PER_OCTAVE) return index;
  const octave = Math.floor(index / STEPS_PER_OCTAVE) - 1;
  return (STEPS_PER_OCTAVE + (index % STEPS_PER_OCTAVE)) * 2 ** octave;
}
