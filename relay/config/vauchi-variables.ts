/** How the value of an original's variable becomes that of an option: as it is, or so many times as much. */
type Meaning = { readonly env: string; readonly factor?: number; readonly words?: Readonly<Record<string, string>> };

const SECOND_MS = 1000;
const DAY_MS = 86_400_000;

/**
 * The variables of Vauchi's relay, as its code and its docs have them, and the option that each sets. Where there are two for one, the
 * first one that is set counts.
 */
const meanings: Readonly<Record<string, Meaning>> = {
  RELAY_BLOB_TTL_SECS: { env: "MAILBOX_TTL_MS", factor: SECOND_MS },
  RELAY_BLOB_TTL_DAYS: { env: "MAILBOX_TTL_MS", factor: DAY_MS },
  RELAY_RATE_LIMIT: { env: "MAILBOX_MESSAGES_PER_MINUTE" },
  RELAY_RATE_LIMIT_PER_MIN: { env: "MAILBOX_MESSAGES_PER_MINUTE" },
  RELAY_RECOVERY_RATE_LIMIT: { env: "MAILBOX_RECOVERIES_PER_MINUTE" },
  RELAY_CLEANUP_INTERVAL: { env: "MAILBOX_EXPIRY_INTERVAL_MS", factor: SECOND_MS },
  RELAY_CLEANUP_INTERVAL_SECS: { env: "MAILBOX_EXPIRY_INTERVAL_MS", factor: SECOND_MS },
  RELAY_IDLE_TIMEOUT: { env: "MAILBOX_IDLE_TIMEOUT_MS", factor: SECOND_MS },
  RELAY_STORAGE_BACKEND: { env: "MAILBOX_STORE", words: { sqlite: "sqlite" } },
  RELAY_DATA_DIR: { env: "MAILBOX_DIRECTORY" },
  RELAY_MAX_MESSAGE_SIZE: { env: "MAILBOX_MAX_MESSAGE_BYTES" },
  RELAY_MAX_BLOBS_PER_USER: { env: "MAILBOX_MAX_MESSAGES_PER_MAILBOX" },
  RELAY_MAX_STORAGE_PER_USER: { env: "MAILBOX_MAX_BYTES_PER_MAILBOX" },
  RELAY_MAX_STORAGE_BYTES: { env: "MAILBOX_MAX_BYTES" },
  RELAY_MAX_CONNECTIONS: { env: "MAX_CONNECTIONS" },
  RELAY_NOISE_STATIC_KEY: { env: "MAILBOX_NOISE_KEY" },
  RELAY_REQUIRE_NOISE_ENCRYPTION: { env: "MAILBOX_REQUIRE_NOISE" },
  RELAY_METRICS_TOKEN: { env: "ADMIN_TOKEN" },
};
/** What the original listens at. */
const LISTEN = "RELAY_LISTEN_ADDR";
const TLS_VERIFIED = "RELAY_TLS_VERIFIED";

type Env = Readonly<Record<string, string | undefined>>;

/** Every variable that is read here. */
export const vauchiVariables: readonly string[] = [...Object.keys(meanings), LISTEN, TLS_VERIFIED];

/**
 * What the variables of Vauchi's relay say, as variables of this one. They are read only where the mailbox dialect is the relay's, and
 * where the relay's own are not set.
 * @returns the variables that they set, and a sentence for each that cannot be read.
 */
export function readVauchiVariables(env: Env): { readonly env: Env; readonly problems: readonly string[] } {
  const found: Record<string, string> = {};
  const problems: string[] = [];
  for (const [name, { env: option, factor = 1, words }] of Object.entries(meanings)) {
    const text = env[name]?.trim() ?? "";
    if (text === "" || option in found || env[option]?.trim()) continue;
    if (factor !== 1 && !/^\d{1,9}$/.test(text)) problems.push(`variable ${name} is no whole number`);
    // Of the original's stores all but one are memory.
    else found[option] = words === undefined ? timesAsMuch(text, factor) : (words[text.toLowerCase()] ?? "memory");
  }
  const listen = listenerOf(env, problems);
  if (listen !== undefined && !env["LISTEN"]?.trim()) found["LISTEN"] = listen;
  return { env: found, problems };
}

function timesAsMuch(text: string, factor: number): string {
  return factor === 1 ? text : String(Number(text) * factor);
}

/** Its port, without TLS: as with the original, for others only where it is said that something in front has TLS. */
function listenerOf(env: Env, problems: string[]): string | undefined {
  const text = env[LISTEN]?.trim() ?? "";
  if (text === "") return undefined;
  const [, host = "", port] = /^\[?([0-9a-fA-F.:]+|localhost)\]?:(\d{1,5})$/.exec(text) ?? [];
  if (port === undefined) {
    problems.push(`variable ${LISTEN} is no address with a port, such as 127.0.0.1:8080`);
    return undefined;
  }
  if (/^(127\.|::1$|localhost$)/.test(host)) return `ws:${port}=mailbox`;
  if (/^(true|1)$/i.test(env[TLS_VERIFIED]?.trim() ?? "")) return `ws-anywhere:${port}=mailbox`;
  problems.push(
    `variable ${LISTEN} is not of this machine alone, and ${TLS_VERIFIED} is not true: nothing has TLS there`,
  );
  return undefined;
}
