import { Resolver } from "node:dns/promises";
import { isIP } from "node:net";
import { ConnectError } from "../errors.ts";

/** In front of the relay's name: where its operator publishes its key. */
const LABEL = "_postern";
/** So long a question may take, and so often it is asked. */
const QUESTION_MS = 1000;
const QUESTIONS = 2;
/** More are of nobody who changes one for another. */
const MAX_PUBLISHED = 8;

/** Asks for the TXT records of a name, each in its parts. Rejects where there are none, or the DNS fails. */
export type ResolveTxt = (name: string) => Promise<readonly (readonly string[])[]>;

/** What an app knows of the relay's key: its keys, or that the DNS has them; undefined: nothing. */
export type RelayKeyOption = readonly string[] | "dns" | undefined;

/** Whether this is the public key of a relay: 32 bytes in base64url without padding. */
export function isRelayKey(text: unknown): text is string {
  return typeof text === "string" && /^[A-Za-z0-9_-]{43}$/.test(text);
}

/** @throws ConnectError `option-invalid` */
export function checkedRelayKey(given: string | readonly string[] | undefined): RelayKeyOption {
  if (given === undefined || given === "dns") return given;
  const keys = typeof given === "string" ? [given] : given;
  if (keys.length > 0 && keys.every(isRelayKey)) return keys;
  throw new ConnectError("option-invalid", { cause: 'tls.relayKey: 43 characters of base64url, or "dns"' });
}

/**
 * The keys that the operator publishes: TXT records of `_postern.<host>` with `key=<the key>`. Without DNSSEC an answer is
 * worth as much as the network that gives it.
 * @returns none where there are none, for an address, and where the DNS fails. Never rejects.
 */
export async function publishedKeys(hostname: string, resolveTxt: ResolveTxt = askSystem): Promise<readonly string[]> {
  if (isIP(hostname.replace(/^\[|\]$/g, "")) !== 0) return [];
  try {
    const records = await resolveTxt(`${LABEL}.${hostname}`);
    return records
      .map((parts) => parts.join("").trim().replace(/^key=/, ""))
      .filter(isRelayKey)
      .slice(0, MAX_PUBLISHED);
  } catch {
    return [];
  }
}

/** By the servers of this machine. A question that is open keeps the process for no longer than its time. */
function askSystem(name: string): Promise<readonly (readonly string[])[]> {
  return new Resolver({ timeout: QUESTION_MS, tries: QUESTIONS }).resolveTxt(name);
}
