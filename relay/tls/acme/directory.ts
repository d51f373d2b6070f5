import { readFile } from "node:fs/promises";
import type { Clock } from "../../clock.ts";
import { isJsonObject, type JsonObject, stringOr } from "../../json.ts";
import { AcmeError } from "./acme-error.ts";
import type { Transport } from "./transport.ts";

/** The directories that have a name. */
const KNOWN_DIRECTORIES: ReadonlyMap<string, string> = new Map([
  ["letsencrypt", "https://acme-v02.api.letsencrypt.org/directory"],
  ["letsencrypt-staging", "https://acme-staging-v02.api.letsencrypt.org/directory"],
]);

/** Further apart than this, the two clocks cannot agree on what is valid. */
const MAX_CLOCK_DIFFERENCE_MS = 5 * 60_000;

/** The URL of a directory that was named, or given as a URL; undefined where it is neither. Only https is taken. */
export function directoryUrlOf(nameOrUrl: string): string | undefined {
  const known = KNOWN_DIRECTORIES.get(nameOrUrl);
  if (known !== undefined) return known;
  return URL.canParse(nameOrUrl) && new URL(nameOrUrl).protocol === "https:" ? nameOrUrl : undefined;
}

/** What a CA offers (RFC 8555 section 7.1.1), as far as a relay has a use for it. */
export type Directory = {
  readonly termsOfService: string | undefined;
  /** It wants to know who pays (RFC 8555 section 7.3.4). */
  readonly needsExternalAccount: boolean;
  /** RFC 9773; undefined where the CA has nothing to say of renewals. */
  readonly renewalInfoUrl: string | undefined;
  /** The names of its profiles (draft-ietf-acme-profiles); empty where it has none. */
  readonly profiles: readonly string[];
};

/**
 * Asks for the directory, before anything is asked that counts: it shows that the CA is there, that its certificate is
 * trusted, and that both clocks agree.
 * @throws AcmeError ca-unreachable, ca-refused, clock-wrong.
 */
export async function fetchDirectory(transport: Transport, url: string, clock: Clock): Promise<Directory> {
  const { headers, data } = await transport.request(url, "get");
  const differenceMs = clock.epochMs() - Date.parse(headers.date ?? "");
  if (Math.abs(differenceMs) > MAX_CLOCK_DIFFERENCE_MS) {
    const minutes = Math.round(Math.abs(differenceMs) / 60_000);
    const side = differenceMs > 0 ? "ahead of" : "behind";
    throw new AcmeError("clock-wrong", `This machine's clock is ${minutes} minutes ${side} the CA's. Set it right.`);
  }
  if (!isJsonObject(data) || typeof data["newOrder"] !== "string") {
    throw new AcmeError("ca-refused", `${new URL(url).host} answers, but with no ACME directory: check the URL.`);
  }
  return read(data);
}

function read(data: JsonObject): Directory {
  const meta = isJsonObject(data["meta"]) ? data["meta"] : {};
  return {
    termsOfService: stringOr(meta["termsOfService"]),
    needsExternalAccount: meta["externalAccountRequired"] === true,
    renewalInfoUrl: stringOr(data["renewalInfo"]),
    profiles: isJsonObject(meta["profiles"]) ? Object.keys(meta["profiles"]) : [],
  };
}

/** The certificate of a private CA's directory; "" where none was named. @throws AcmeError files-unreadable. */
export async function readCaFile(path: string): Promise<string> {
  if (path === "") return "";
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new AcmeError("files-unreadable", `Cannot read the CA's certificate ${path}.`, { cause: error });
  }
}
