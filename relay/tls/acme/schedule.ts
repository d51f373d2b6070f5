const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** A certificate that lives less than this is renewed at half of its lifetime: a third of six days is a weekend. */
const SHORT_LIFETIME_MS = 10 * DAY_MS;
/** The last part of the lifetime that the schedule wants to be free of, whatever the CA suggests. */
const RESERVE = 1 / 10;
/** How much earlier a renewal may come, as a part of the lifetime, so that relays started together do not renew together. */
const JITTER = 1 / 20;

/** From when until when a certificate is valid, in milliseconds since the epoch. */
export type Validity = { readonly notBeforeMs: number; readonly expiresAtMs: number };

/** Where the CA would like a renewal to fall (RFC 9773 section 4.2), in milliseconds since the epoch; start < end. */
export type RenewalWindow = { readonly startMs: number; readonly endMs: number };

/**
 * When a certificate is to be renewed. Fractions and no days, so that any lifetime works: with a third of it left, or with
 * half where it lives less than 10 days. A window of the CA goes before that, in both directions, but not into the last
 * tenth.
 * @param jitter 0..1, the same for as long as the certificate is held, so that asking twice does not draw twice.
 */
export function renewalAtMs(
  { notBeforeMs, expiresAtMs }: Validity,
  window: RenewalWindow | undefined,
  jitter: number,
): number {
  const lifetimeMs = expiresAtMs - notBeforeMs;
  if (window !== undefined) {
    const suggestedMs = window.startMs + jitter * (window.endMs - window.startMs);
    return Math.round(Math.min(suggestedMs, expiresAtMs - lifetimeMs * RESERVE));
  }
  const left = lifetimeMs < SHORT_LIFETIME_MS ? 1 / 2 : 1 / 3;
  return Math.round(expiresAtMs - lifetimeMs * (left + jitter * JITTER));
}

/** How fast an ACME source goes about its work. Tests have a faster one. */
export type Pace = {
  /** Before anything is ordered: the port that the CA will ask is opened after the source has started. */
  readonly startDelayMs: number;
  /** How long the start waits for the store before a stand-in serves. */
  readonly loadPatienceMs: number;
  /** After the first failed attempt; doubles with each further one. */
  readonly failureDelayMs: number;
  readonly maxFailureDelayMs: number;
  /**
   * The same where nothing was ordered, which costs the CA nothing, and no good certificate is held, so that clients wait.
   * Nothing is tried again sooner than after the first of these.
   */
  readonly unplacedDelayMs: number;
  readonly maxUnplacedDelayMs: number;
  /** After the first failure of the store; doubles as well. It costs no CA anything. */
  readonly storeDelayMs: number;
  readonly maxStoreDelayMs: number;
  /** How often the store is asked whether an operator wants a renewal. */
  readonly lookEveryMs: number;
  /** Before a request that met trouble which passes by itself is sent again, within one attempt. */
  readonly retryDelaysMs: readonly number[];
  /** What a whole order may take. */
  readonly orderTimeoutMs: number;
  /** Between two questions how an order goes: first, doubling to the other. */
  readonly pollMs: number;
  readonly maxPollMs: number;
};

/** The pace of a relay in service. */
export const DEFAULT_PACE: Pace = {
  startDelayMs: 1000,
  loadPatienceMs: 5000,
  // Let's Encrypt gives back one of 5 failed validations per name and account every 12 minutes.
  failureDelayMs: 12 * MINUTE_MS,
  maxFailureDelayMs: DAY_MS,
  unplacedDelayMs: 10_000,
  maxUnplacedDelayMs: 60 * MINUTE_MS,
  storeDelayMs: 10_000,
  maxStoreDelayMs: 5 * MINUTE_MS,
  lookEveryMs: 30_000,
  retryDelaysMs: [500, 2000, 5000],
  orderTimeoutMs: 5 * MINUTE_MS,
  pollMs: 500,
  maxPollMs: 8000,
};

/** A CA that says a later time than this is not believed: it would be a fault, and the certificate would end first. */
const MAX_RETRY_AFTER_MS = 7 * DAY_MS;

/** No back-off takes more than this part of what is left of the certificate that is held. */
const MAX_PART_OF_LEFT = 1 / 4;

/** One failed attempt of several in a row. */
export type Failure = {
  /** 1 or more. */
  readonly count: number;
  /** Something was ordered, or the CA counts it for another reason. */
  readonly isPlaced: boolean;
  readonly retryAfterMs: number | undefined;
  /** How long the certificate that is held will still be good; 0 or less where it has ended, or none is held. */
  readonly leftMs: number;
};

/**
 * How long to wait after a failure: doubling, with up to a tenth more so that relays part ways; so that the certificate
 * that is held does not end meanwhile; and no less than the CA asked for.
 * @param random 0..1
 */
export function failureDelayMs(failure: Failure, random: number, pace: Pace): number {
  const { count, isPlaced, leftMs, retryAfterMs = 0 } = failure;
  const firstMs = isPlaced || leftMs > 0 ? pace.failureDelayMs : pace.unplacedDelayMs;
  const maxMs = isPlaced ? pace.maxFailureDelayMs : pace.maxUnplacedDelayMs;
  const backOffMs = Math.min(doubled(firstMs, count, maxMs) * (1 + random / 10), longestDelayMs(leftMs, pace));
  return Math.round(Math.max(backOffMs, Math.min(retryAfterMs, MAX_RETRY_AFTER_MS)));
}

/** A quarter of what is left; at least the first delay, where that is no more than half of it. */
function longestDelayMs(leftMs: number, pace: Pace): number {
  if (leftMs <= 0) return Number.POSITIVE_INFINITY;
  const quarterMs = Math.max(leftMs * MAX_PART_OF_LEFT, Math.min(pace.failureDelayMs, leftMs / 2));
  return Math.max(quarterMs, pace.unplacedDelayMs);
}

/** How long to wait after so many failures of the store in a row. @param failureCount 1 or more. */
export function storeDelayMs(failureCount: number, pace: Pace): number {
  return doubled(pace.storeDelayMs, failureCount, pace.maxStoreDelayMs);
}

function doubled(firstMs: number, failureCount: number, maxMs: number): number {
  return Math.min(maxMs, firstMs * 2 ** Math.min(failureCount - 1, 30));
}
