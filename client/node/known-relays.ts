import { appendFileSync, readFileSync } from "node:fs";
import { ConnectError } from "../errors.ts";
import { isRelayKey } from "./relay-key.ts";

/** So many relays are remembered; no file is larger. */
const MAX_RELAYS = 10_000;
const MAX_FILE_BYTES = 4_194_304;

/** What is remembered of relays from one visit to the next: the key of each, as it was at first. */
export interface KnownRelays {
  /** @param host with the port, as in the address. @returns base64url; undefined: it was never there */
  keyOf(host: string): string | undefined;
  /** Keeps the key of a relay of which none is known. Never throws. */
  remember(host: string, key: string): void;
}

/** Remembers for as long as it lives. */
export class RememberedRelays implements KnownRelays {
  readonly #keys = new Map<string, string>();

  keyOf(host: string): string | undefined {
    return this.#keys.get(host);
  }

  remember(host: string, key: string): void {
    if (this.#keys.size < MAX_RELAYS && !this.#keys.has(host)) this.#keys.set(host, key);
  }
}

/**
 * Remembers in a file, a line for each relay: its host and port, a space, and its key. Others may add lines meanwhile; of
 * several for one relay the first counts. Who wants to forget a relay takes its line out.
 */
export class RelaysFile implements KnownRelays {
  readonly #path: string;
  readonly #remembered = new RememberedRelays();
  readonly #warn: (text: string) => void;

  /** @throws ConnectError `option-invalid` where the file is there and cannot be read, or is none of these. */
  constructor(path: string, warn: (text: string) => void) {
    this.#path = path;
    this.#warn = warn;
    for (const line of linesOf(path)) {
      const [host = "", key] = line.split(" ");
      if (!isRelayKey(key)) throw invalid(`${path} has a line that is no relay and its key`);
      this.#remembered.remember(host, key);
    }
  }

  keyOf(host: string): string | undefined {
    return this.#remembered.keyOf(host);
  }

  remember(host: string, key: string): void {
    if (this.#remembered.keyOf(host) !== undefined) return;
    this.#remembered.remember(host, key);
    try {
      appendFileSync(this.#path, `${host} ${key}\n`, { mode: 0o600 });
    } catch (error) {
      this.#warn(`The relay's key is not remembered: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

function linesOf(path: string): readonly string[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw invalid(error instanceof Error ? error.message : path);
  }
  if (text.length > MAX_FILE_BYTES) throw invalid(`${path} is too large`);
  return text.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("#"));
}

function invalid(cause: string): ConnectError {
  return new ConnectError("option-invalid", { cause: `tls.knownRelays: ${cause}` });
}
