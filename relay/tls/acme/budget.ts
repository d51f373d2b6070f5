const DAY_MS = 86_400_000;
const WEEK_MS = 7 * DAY_MS;

/**
 * Let's Encrypt gives out five certificates for the same names in a week. Three leave room for what was ordered by hand
 * or by the relay that ran here before.
 */
const ORDERS_PER_WINDOW = 3;

/** What lives less is of a private CA, or of a test: a week would be many renewals, and none could be kept up. */
const SHORT_LIFETIME_MS = 6 * DAY_MS;

/**
 * When the next order for the same names may be placed, if nobody forces it: at most 3 in 7 days. For certificates that
 * live less than 6 days: 3 in one lifetime.
 * @param orderedAtMs when orders were placed. Ones far in the future count too: the clock was wrong, not the order.
 * @param lifetimeMs of the certificate that is to be renewed; undefined where there was none.
 * @returns the moment in milliseconds since the epoch; `nowMs` where the budget is not spent.
 */
export function budgetAllowsAtMs(
  orderedAtMs: readonly number[],
  lifetimeMs: number | undefined,
  nowMs: number,
): number {
  const windowMs = lifetimeMs === undefined || lifetimeMs >= SHORT_LIFETIME_MS ? WEEK_MS : lifetimeMs;
  const counted = orderedAtMs.filter((atMs) => Math.abs(nowMs - atMs) < windowMs).toSorted((a, b) => b - a);
  const mustPass = counted[ORDERS_PER_WINDOW - 1];
  return mustPass === undefined ? nowMs : mustPass + windowMs;
}

/** The orders that the record still has to name: those of the last week. */
export function ordersOfTheWeek(orderedAtMs: readonly number[], nowMs: number): readonly number[] {
  return orderedAtMs.filter((atMs) => Math.abs(nowMs - atMs) < WEEK_MS);
}
