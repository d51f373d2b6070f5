import { TOKEN_SUBPROTOCOL_PREFIX } from "../../../protocol/subprotocol.ts";

/**
 * The subprotocol that is chosen where none means anything here: the first, because browsers give up when none of theirs
 * is chosen. Never a token, which the answer would repeat.
 */
export function foreignSubprotocol(offered: ReadonlySet<string>): string | undefined {
  for (const subprotocol of offered) if (!subprotocol.startsWith(TOKEN_SUBPROTOCOL_PREFIX)) return subprotocol;
  return undefined;
}
