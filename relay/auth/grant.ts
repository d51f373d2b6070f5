import type { JsonObject } from "../json.ts";
import { TopicPatterns } from "./topic-patterns.ts";

/**
 * What may be done: join topics, send to their members, and use mailboxes. To publish takes a membership, and so `join` too.
 */
export const verbs = ["join", "publish", "mailbox"] as const;
type Verb = (typeof verbs)[number];

/** What a token grants that names no verbs: what there was when it was made. */
export const defaultVerbs: readonly Verb[] = ["join", "publish"];

/** What a token grants to its subject. */
export type Grant = {
  readonly subject: string;
  readonly tokenId: string | undefined;
  /** Milliseconds since the epoch; undefined where it does not expire. */
  readonly expiresAtMs: number | undefined;
  readonly topics: TopicPatterns;
  readonly verbs: ReadonlySet<Verb>;
  readonly rateClass: string | undefined;
  readonly maxConnections: number | undefined;
};

const MAX_SUBJECT_LENGTH = 256;
/** ECMA-262 section 21.4.1.1: no date is later, or earlier with the sign before it. */
const MAX_EXPIRY_SECONDS = 8_640_000_000_000;
const MAX_CONNECTIONS_CLAIM = 1_000_000;
const RATE_CLASS = /^[a-z0-9][a-z0-9-]{0,31}$/;

/**
 * Reads the claims of a token whose signature and times have been checked.
 * @returns the grant; or the name of the claim that cannot be used. Claims that are not ours are ignored.
 */
export function readGrant(claims: JsonObject): Grant | { readonly badClaim: string } {
  const { sub, jti, exp, topics, rateClass, maxConnections } = claims;
  if (!isName(sub)) return { badClaim: "sub" };
  if (jti !== undefined && !isName(jti)) return { badClaim: "jti" };
  if (exp !== undefined && !(typeof exp === "number" && Math.abs(exp) <= MAX_EXPIRY_SECONDS))
    return { badClaim: "exp" };
  const patterns = TopicPatterns.read(topics);
  if (patterns === undefined) return { badClaim: "topics" };
  const granted = readVerbs(claims["verbs"]);
  if (granted === undefined) return { badClaim: "verbs" };
  if (rateClass !== undefined && !isRateClass(rateClass)) return { badClaim: "rateClass" };
  if (maxConnections !== undefined && !isConnectionCount(maxConnections)) return { badClaim: "maxConnections" };
  const expiresAtMs = exp === undefined ? undefined : exp * 1000;
  return { subject: sub, tokenId: jti, expiresAtMs, topics: patterns, verbs: granted, rateClass, maxConnections };
}

/** Left out it is the default. A verb that this relay does not know grants nothing here. */
function readVerbs(value: unknown): ReadonlySet<Verb> | undefined {
  if (value === undefined) return new Set(defaultVerbs);
  if (!Array.isArray(value) || !value.every((verb) => typeof verb === "string")) return undefined;
  return new Set(verbs.filter((verb) => value.includes(verb)));
}

/**
 * Whether this may be a subject or the id of a token: a text of a bounded length, on one line and without space at its
 * ends, so that a line of the revocation file can name it. It is shown to nobody.
 */
export function isName(value: unknown): value is string {
  if (typeof value !== "string" || value === "" || value.length > MAX_SUBJECT_LENGTH) return false;
  return value.trim() === value && !/\p{Cc}/u.test(value);
}

/** Whether this may name a class of limits. */
export function isRateClass(value: unknown): value is string {
  return typeof value === "string" && RATE_CLASS.test(value);
}

/** Whether this may be the claim `maxConnections`. */
export function isConnectionCount(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= MAX_CONNECTIONS_CLAIM;
}
