/**
 * Numbers from 0 to below 1 that follow from a seed, so that every run sends messages of the same sizes: a linear
 * congruential generator modulo 2^32 whose upper 24 bits are given out.
 */
export function seededRandom(seed: number): () => number {
  let state = (seed ^ 0x2545_f491) >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 8) / 2 ** 24;
  };
}
