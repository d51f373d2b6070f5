import type { IncomingHttpHeaders } from "node:http";
import { TOKEN_SUBPROTOCOL_PREFIX } from "../../protocol/subprotocol.ts";

/** RFC 6750 section 2.1; the name of the scheme in any case (RFC 9110 section 11.1). */
const BEARER = /^bearer +(\S+) *$/i;

/**
 * The token that an upgrade request carries: in `Authorization`, or among the subprotocols. A token in the address is
 * not read: addresses are logged on the way.
 * @returns undefined where there is none; "ambiguous" where there are two that differ, or one that is empty.
 */
export function presentedToken(headers: IncomingHttpHeaders): { readonly token: string } | "ambiguous" | undefined {
  const { authorization } = headers;
  const tokens = new Set(tokensOffered(headers["sec-websocket-protocol"] ?? ""));
  // Another scheme is between the client and a proxy.
  if (authorization !== undefined && /^bearer\b/i.test(authorization))
    tokens.add(BEARER.exec(authorization)?.[1] ?? "");
  const [token] = tokens;
  if (token === undefined) return undefined;
  return tokens.size > 1 || token === "" ? "ambiguous" : { token };
}

function tokensOffered(subprotocols: string): readonly string[] {
  if (!subprotocols.includes(TOKEN_SUBPROTOCOL_PREFIX)) return [];
  return subprotocols
    .split(",")
    .map((offered) => offered.trim())
    .filter((offered) => offered.startsWith(TOKEN_SUBPROTOCOL_PREFIX))
    .map((offered) => offered.slice(TOKEN_SUBPROTOCOL_PREFIX.length));
}
