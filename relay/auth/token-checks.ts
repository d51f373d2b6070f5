import type { AuthOptions, AuthorityParts } from "./auth-options.ts";
import { FixedKeys } from "./fixed-keys.ts";
import { JwksKeys } from "./jwks-keys.ts";
import { readText } from "./read-text.ts";
import type { Keys, TokenChecks } from "./token-authority.ts";
import { type KeySource, TokenVerifier } from "./token-verifier.ts";

const NEVER_FETCHED = { keyFetches: 0, keyFetchFailures: 0 };

/** Makes what checks tokens, as the options say. Exactly one of the three sources of keys has to be set. */
export function createTokenChecks(parts: AuthorityParts, options: AuthOptions): TokenChecks {
  const { source, keys } = options.authJwksUrl === "" ? fixedKeys(options) : publishedKeys(parts, options);
  const rules = {
    issuer: options.authIssuer,
    audience: options.authAudience,
    clockToleranceMs: options.authClockToleranceMs,
    requireExpiry: options.authRequireExpiry,
  };
  return { keys, verifier: new TokenVerifier({ clock: parts.clock, keys: source }, rules) };
}

type Found = { readonly source: KeySource; readonly keys: Keys };

function fixedKeys({ authKeysFile, authKeySet }: AuthOptions): Found {
  const source = authKeysFile === "" ? FixedKeys.ofText(authKeySet) : FixedKeys.ofFile(authKeysFile);
  const load = (): Promise<void> => source.load();
  return { source, keys: { start: load, load, stop: () => undefined, counts: () => NEVER_FETCHED } };
}

function publishedKeys(parts: AuthorityParts, options: AuthOptions): Found {
  const { authJwksUrl: url, authJwksCaFile: caFile } = options;
  const source = new JwksKeys(parts, {
    url,
    ca: () => (caFile === "" ? Promise.resolve("") : readText(caFile, "AUTH_JWKS_CA_FILE")),
    refreshMs: options.authJwksRefreshMs,
    maxAgeMs: options.authJwksMaxAgeMs,
  });
  const keys = {
    start: () => source.start(),
    load: () => source.load(),
    stop: () => source.stop(),
    counts: () => ({ keyFetches: source.fetchCount, keyFetchFailures: source.failureCount }),
  };
  return { source, keys };
}
