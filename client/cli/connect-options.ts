import { readFile } from "node:fs/promises";
import { parseFingerprint } from "../node/fingerprint.ts";
import type { ConnectOptions } from "../relay.ts";
import type { Terminal } from "./terminal.ts";

/** What every command takes that dials a relay, for `parseArgs`. */
export const CONNECT_OPTIONS = {
  fingerprint: { type: "string" },
  "ca-file": { type: "string" },
  proxy: { type: "string" },
  "token-file": { type: "string" },
} as const;

/** What every command takes that joins a topic: the same, and further relays. */
export const TOPIC_OPTIONS: typeof CONNECT_OPTIONS & {
  readonly relay: { readonly type: "string"; readonly multiple: true };
} = { relay: { type: "string", multiple: true }, ...CONNECT_OPTIONS };

/** The lines of a command's help about the former. */
export const CONNECT_HELP = `  --fingerprint <text>  trust exactly the certificate with this SHA-256, as the relay, openssl or a browser shows it
  --ca-file <path>      trust the authorities in this PEM file, instead of this machine's
  --proxy <url>         the proxy, instead of the one in HTTPS_PROXY or the system's settings; or none, env, system
  --token-file <path>   the file with a token, for a relay that wants one; or set POSTERN_TOKEN`;

/** The lines of a command's help about the latter. */
export const TOPIC_HELP: string = `  --relay <address>     another relay to use beside the first; repeat for more. A topic is on up to three at once
${CONNECT_HELP}`;

/** How to connect, as it was typed. */
export type ConnectWords = {
  /** In any usual form of hex. */
  readonly fingerprint?: string | undefined;
  readonly caFile?: string | undefined;
  readonly proxy?: string | undefined;
  readonly tokenFile?: string | undefined;
};

/** @throws Error where a file cannot be read: now, and not at some later connection; or where the fingerprint is none. */
export async function connectOptionsOf(words: ConnectWords, env: Terminal["env"]): Promise<ConnectOptions> {
  const { caFile, tokenFile, proxy } = words;
  if (tokenFile !== undefined) await readTrimmed(tokenFile);
  const ca = caFile === undefined ? undefined : await readFile(caFile, "utf8");
  // The file is read again for each connection: whoever renews it need not restart this.
  const token = tokenFile === undefined ? env["POSTERN_TOKEN"]?.trim() || undefined : () => readTrimmed(tokenFile);
  const fingerprint = words.fingerprint === undefined ? undefined : parseFingerprint(words.fingerprint);
  if (fingerprint === undefined && words.fingerprint !== undefined) {
    throw new Error(
      "--fingerprint: the SHA-256 fingerprint of a certificate has 64 hex digits, with or without colons.",
    );
  }
  return { token, proxy, tls: ca === undefined && fingerprint === undefined ? undefined : { ca, fingerprint } };
}

/** Whether a word may be the address of a relay. */
export function isAddress(word: string | undefined): boolean {
  return /^wss?:$/.test(URL.parse(word ?? "")?.protocol ?? "");
}

async function readTrimmed(path: string): Promise<string> {
  return (await readFile(path, "utf8")).trim();
}
