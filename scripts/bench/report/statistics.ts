/** The middle value; the mean of the two in the middle where there are two; NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length / 2;
  const upper = sorted[Math.floor(half)] ?? Number.NaN;
  return Number.isInteger(half) ? ((sorted[half - 1] ?? Number.NaN) + upper) / 2 : upper;
}

/** Where the true median lies, and how surely, from 0 to 1. */
export type Interval = { readonly low: number; readonly high: number; readonly confidence: number };

/** What is asked of an interval where there are values enough for it: five. */
export const WANTED_CONFIDENCE = 0.9;

/**
 * Two of the values between which the median of what they are drawn from lies, whatever its distribution: as near to each
 * other as is still 90 % sure. Of five values they are the least and the greatest, with 94 %. Of fewer they are so too, and
 * less sure. Each value is on either side of the median with the same chance, so how surely is a matter of coin tosses.
 */
export function medianInterval(values: readonly number[]): Interval {
  const sorted = values.toSorted((a, b) => a - b);
  const count = sorted.length;
  let place = 0;
  while (place + 1 < count / 2 && confidenceAt(place + 1, count) >= WANTED_CONFIDENCE) place += 1;
  const confidence = count === 0 ? 0 : confidenceAt(place, count);
  return { low: sorted[place] ?? Number.NaN, high: sorted[count - 1 - place] ?? Number.NaN, confidence };
}

/** How surely the median is between the values of this place from below and from above. */
function confidenceAt(place: number, count: number): number {
  let outside = 0;
  // Of `count` coins: how likely so many heads, from none to `place`.
  let likely = 0.5 ** count;
  for (let heads = 0; heads <= place; heads += 1) {
    outside += likely;
    likely *= (count - heads) / (heads + 1);
  }
  return 1 - 2 * outside;
}

/** The straight line nearest to some points, by least squares. */
export function fitLine(points: readonly (readonly [x: number, y: number])[]): {
  readonly slope: number;
  readonly base: number;
} {
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / points.length;
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / points.length;
  const over = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  const under = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  const slope = over / under;
  return { slope, base: meanY - slope * meanX };
}
