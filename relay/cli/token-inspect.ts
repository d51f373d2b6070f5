import { judge, readToken, type TokenText, type Verdict } from "../auth/explain.ts";
import { readText } from "../auth/read-text.ts";
import { Revocations } from "../auth/revocations.ts";
import { createTokenChecks } from "../auth/token-checks.ts";
import { systemClock } from "../clock.ts";
import type { LoadedConfig } from "../config/load.ts";
import type { Config } from "../config/options.ts";
import { createLogger } from "../observability/logger.ts";
import { RelayError } from "../relay-error.ts";
import { moment, type OutputOptions } from "./cert-status.ts";
import { ExitCode, type Terminal } from "./terminal.ts";

/** `file`: where the token is, in place of the command line, which others can read. */
export type InspectOptions = OutputOptions & { readonly file?: string };

/** What is said of a token that nothing was there to check by. */
type Unchecked = { readonly verdict: "not-checked" };

/**
 * Explains what a token says and, where the options name keys, whether a relay with these options would take it.
 * @returns 4 where it would not.
 * @throws RelayError where keys or revocations cannot be read.
 */
export async function tokenInspect(
  { config }: LoadedConfig,
  terminal: Terminal,
  { json = false, file }: InspectOptions,
  given: string | undefined,
): Promise<ExitCode> {
  const token = (file === undefined ? given : await readText(file, "flag --file"))?.trim();
  if (token === undefined) throw new RelayError("CONFIG_INVALID", "token inspect takes a token, or --file");
  const nowMs = (terminal.clock ?? systemClock).epochMs();
  const text = readToken(token);
  const verdict = await check(token, config, terminal);
  terminal.stdout.write(json ? `${JSON.stringify({ ...text, ...verdict })}\n` : explain(text, verdict, nowMs));
  return verdict.verdict === "refused" ? ExitCode.tokenRefused : ExitCode.success;
}

async function check(token: string, config: Config, terminal: Terminal): Promise<Verdict | Unchecked> {
  if (config.authKeysFile === "" && config.authKeySet === "" && config.authJwksUrl === "") {
    return readToken(token) === undefined ? { verdict: "refused", reason: "malformed" } : { verdict: "not-checked" };
  }
  const clock = terminal.clock ?? systemClock;
  const revocations = new Revocations(config.authRevocationsFile);
  await revocations.load();
  const { keys, verifier } = createTokenChecks({ clock, log: createLogger("warn", terminal.stderr) }, config);
  await keys.start();
  const verdict = await judge(token, verifier, revocations);
  keys.stop();
  return verdict;
}

function explain(text: TokenText | undefined, verdict: Verdict | Unchecked, nowMs: number): string {
  const rows: readonly (readonly [string, string | undefined])[] = [
    ...(text === undefined ? [] : said(text, nowMs)),
    ["verdict", sentence(verdict)],
  ];
  return rows.map(([name, value]) => (value === undefined ? "" : `${name.padEnd(17)}${value}\n`)).join("");
}

function said({ header, claims }: TokenText, nowMs: number): readonly (readonly [string, string | undefined])[] {
  return [
    ["subject", shown(claims["sub"])],
    ["topics", shown(claims["topics"])],
    ["verbs", shown(claims["verbs"]) ?? "join, publish"],
    ["expires", time(claims["exp"], nowMs) ?? "never"],
    ["not before", time(claims["nbf"], nowMs)],
    ["issued", time(claims["iat"], nowMs)],
    ["issuer", shown(claims["iss"])],
    ["audience", shown(claims["aud"])],
    ["token id", shown(claims["jti"])],
    ["rate class", shown(claims["rateClass"])],
    ["max connections", shown(claims["maxConnections"])],
    ["algorithm", shown(header["alg"])],
    ["key id", shown(header["kid"])],
  ];
}

function sentence(verdict: Verdict | Unchecked): string {
  switch (verdict.verdict) {
    case "accepted":
      return "a relay with these options would accept it";
    case "not-checked":
      return "not checked: no keys are set (AUTH_KEYS_FILE, AUTH_KEY_SET or AUTH_JWKS_URL)";
    case "refused":
      return `refused: ${verdict.reason}${verdict.claim === undefined ? "" : `, because of its ${verdict.claim}`} (docs/protocol.md#refusals)`;
  }
}

/** A value of a token, of which nothing is known: nothing in it may move the cursor or change the colour of a terminal. */
function shown(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  const text = Array.isArray(value) ? value.map((item) => shown(item)).join(", ") : plain(value);
  return text.replaceAll(/\p{C}/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}

function plain(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function time(value: unknown, nowMs: number): string | undefined {
  if (value === undefined) return undefined;
  const isTime = typeof value === "number" && Math.abs(value) <= 8_640_000_000_000;
  return isTime ? moment(value * 1000, nowMs) : `${shown(value)} (no time)`;
}
