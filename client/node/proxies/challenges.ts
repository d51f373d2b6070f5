import type { ProxyChallenge } from "../../relay.ts";

const MAX_COUNT = 16;
const TOKEN = "[!#$%&'*+.^_`|~\\dA-Za-z-]+";
/** A scheme, and what stands behind it; `name=value` and `name = value` are parameters of the scheme before. */
const SCHEME = new RegExp(`^(${TOKEN})(?:[ \\t]+(?!=)(.*))?$`, "s");

/** Reads the fields `Proxy-Authenticate` (RFC 9110 section 11.7.1): each may have several challenges. At most 16 are read. */
export function parseChallenges(fields: readonly string[]): readonly ProxyChallenge[] {
  const found: { scheme: string; parameters: string }[] = [];
  for (const part of fields.flatMap(partsOf)) {
    const [, scheme, parameters = ""] = SCHEME.exec(part) ?? [];
    const last = found.at(-1);
    if (scheme !== undefined) found.push({ scheme, parameters });
    else if (last !== undefined) last.parameters += `${last.parameters === "" ? "" : ", "}${part}`;
    if (found.length === MAX_COUNT) break;
  }
  return found;
}

/** What stands between commas that are in no quotes; in one pass, as whoever answers there may send anything. */
function partsOf(field: string): readonly string[] {
  const parts: string[] = [];
  let start = 0;
  let isQuoted = false;
  for (let at = 0; at < field.length; at += 1) {
    const character = field[at];
    if (character === "\\" && isQuoted) at += 1;
    else if (character === '"') isQuoted = !isQuoted;
    else if (character === "," && !isQuoted) {
      parts.push(field.slice(start, at));
      start = at + 1;
    }
  }
  return [...parts, field.slice(start)].map((part) => part.trim()).filter((part) => part !== "");
}
