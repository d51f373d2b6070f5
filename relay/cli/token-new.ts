import { defaultVerbs, isConnectionCount, isName, isRateClass, verbs } from "../auth/grant.ts";
import { issueToken } from "../auth/issuer.ts";
import { readText } from "../auth/read-text.ts";
import { MAX_TOKEN_BYTES } from "../auth/token-verifier.ts";
import { isPattern } from "../auth/topic-patterns.ts";
import { systemClock } from "../clock.ts";
import { RelayError } from "../relay-error.ts";
import type { OutputOptions } from "./cert-status.ts";
import { ExitCode, type Terminal } from "./terminal.ts";

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };
const MAX_LIFETIME_SECONDS = 315_360_000;

/** What a token is to say, as text. */
export type NewTokenOptions = OutputOptions & {
  readonly key: string;
  readonly subject: string;
  readonly topic: readonly string[];
  readonly verb?: readonly string[];
  readonly lifetime: string;
  readonly issuer?: string;
  readonly audience?: string;
  readonly rateClass?: string;
  readonly maxConnections?: string;
};

/**
 * Makes a token and prints it.
 * @throws RelayError where what it is to say would not be taken by a relay, or the key cannot sign.
 */
export async function tokenNew(options: NewTokenOptions, terminal: Terminal): Promise<ExitCode> {
  const { subject, topic: topics, verb: granted = defaultVerbs, issuer, audience, rateClass } = options;
  demand(isName(subject), "--subject", "1 to 256 characters");
  demand(
    topics.every(isPattern),
    "--topic",
    "a name, the beginning of names with * behind it, or sha256:<64 hex digits>",
  );
  demand(
    granted.every((verb) => verbs.some((known) => known === verb)),
    "--verb",
    verbs.join(", "),
  );
  demand(rateClass === undefined || isRateClass(rateClass), "--rate-class", "up to 32 of a-z, 0-9 and -");
  const maxConnections = options.maxConnections === undefined ? undefined : Number(options.maxConnections);
  demand(maxConnections === undefined || isConnectionCount(maxConnections), "--max-connections", "1 to 1000000");
  const lifetimeSeconds = readLifetime(options.lifetime);
  const contents = { subject, topics, verbs: granted, lifetimeSeconds, issuer, audience, rateClass, maxConnections };
  const nowMs = (terminal.clock ?? systemClock).epochMs();
  const token = await issueToken(await readText(options.key, "flag --key"), contents, nowMs);
  demand(
    token.length <= MAX_TOKEN_BYTES,
    "--topic",
    `fewer or shorter topics: a token has up to ${MAX_TOKEN_BYTES} bytes`,
  );
  const expiresAt = Math.floor(nowMs / 1000) + lifetimeSeconds;
  terminal.stdout.write(options.json ? `${JSON.stringify({ token, expires_at: expiresAt })}\n` : `${token}\n`);
  return ExitCode.success;
}

function readLifetime(text: string): number {
  const [, count, unit = ""] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const seconds = Number(count) * (UNIT_SECONDS[unit] ?? Number.NaN);
  demand(
    seconds >= 1 && seconds <= MAX_LIFETIME_SECONDS,
    "--lifetime",
    "a number with s, m, h or d behind it, such as 12h",
  );
  return seconds;
}

function demand(isMet: boolean, flag: string, wanted: string): void {
  if (!isMet) throw new RelayError("CONFIG_INVALID", `flag ${flag} takes ${wanted}`);
}
