import { type Answer, text } from "./answer.ts";

/** How long what it says is good; the RFC recommends less than a year. It is written anew with each request. */
const VALID_DAYS = 90;
const DAY_MS = 86_400_000;

/**
 * The file that says whom to tell of a security problem (RFC 9116).
 * @param contact a URI (section 2.5.3).
 * @param nowMs since the epoch. The end (section 2.5.5) is that of a day, so that the file is the same all day long.
 */
export function securityTxt(contact: string, nowMs: number): Answer {
  const expiresAtMs = (Math.floor(nowMs / DAY_MS) + VALID_DAYS) * DAY_MS;
  const expires = new Date(expiresAtMs).toISOString().replace(".000Z", "Z");
  return text(200, `Contact: ${contact}\nExpires: ${expires}\n`);
}
