const WEEK_MS = 7 * 86_400_000;

/**
 * Let's Encrypt gives out five certificates for the same names in a week. Three leave room for what was ordered by hand
 * or by the relay that ran here before.
 */
const ORDERS_PER_WINDOW = 3;

/**
 * The part of a lifetime in which the budget holds, where that is less than a week: a week of waiting would outlive a
 * certificate of six days.
 */
const WINDOW_PART_OF_LIFETIME = 1 / 4;

/**
 * When the next order for the same names may be placed, if nobody forces it: at most 3 in 7 days. For certificates that
 * live less than 28 days the window is a quarter of their lifetime.
 * @param orderedAtMs when orders were placed. Ones far in the future count too: the clock was wrong, not the order.
 * @param lifetimeMs of the certificate that is held; undefined where there is none.
 * @returns the moment in milliseconds since the epoch; `nowMs` where the budget is not spent.
 */
export function budgetAllowsAtMs(
  orderedAtMs: readonly number[],
  lifetimeMs: number | undefined,
  nowMs: number,
): number {
  const windowMs = lifetimeMs === undefined ? WEEK_MS : Math.min(WEEK_MS, lifetimeMs * WINDOW_PART_OF_LIFETIME);
  const counted = orderedAtMs.filter((atMs) => Math.abs(nowMs - atMs) < windowMs).toSorted((a, b) => b - a);
  const mustPass = counted[ORDERS_PER_WINDOW - 1];
  return mustPass === undefined ? nowMs : mustPass + windowMs;
}

/** The orders that the record still has to name: those of the last week. */
export function ordersOfTheWeek(orderedAtMs: readonly number[], nowMs: number): readonly number[] {
  return orderedAtMs.filter((atMs) => Math.abs(nowMs - atMs) < WEEK_MS);
}
