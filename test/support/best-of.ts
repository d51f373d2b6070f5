/** How often what others on the machine can spoil is measured before it is believed. */
const ATTEMPTS = 20;

/**
 * Measures until it is good enough, a few times at most. @returns the best. For what a busy machine can only make worse:
 * a defect is there in every measurement.
 */
export async function bestOf(
  measure: () => number | Promise<number>,
  isGood: (figure: number) => boolean,
): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < ATTEMPTS && !isGood(best); attempt += 1) best = Math.min(best, await measure());
  return best;
}
