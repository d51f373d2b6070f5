import type { AuthOptions, AuthorityParts } from "./auth-options.ts";
import { OpenAuthority } from "./open-authority.ts";
import type { Authority } from "./ports.ts";
import { Revocations } from "./revocations.ts";
import { TokenAuthority } from "./token-authority.ts";

/** Makes the authority that the options name. What checks tokens is loaded when it starts, and for it alone: it is 14 MiB. */
export function createAuthority(parts: AuthorityParts, options: AuthOptions): Authority {
  if (options.auth === "open") return new OpenAuthority();
  const revocations = new Revocations(options.authRevocationsFile);
  const prepare = async () => (await import("./token-checks.ts")).createTokenChecks(parts, options);
  return new TokenAuthority({ ...parts, prepare, revocations }, options);
}
