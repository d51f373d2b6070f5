import { parseArgs } from "node:util";
import { errorSentences } from "../../protocol/error-codes.ts";
import { isPeerId, isTopic } from "../../protocol/fields.ts";
import { errorTexts } from "../errors.ts";
import { MAX_SIGNED_PRESENCE_BYTES } from "../identity/signed-presence.ts";
import { parseFingerprint } from "../node/fingerprint.ts";
import { MAX_PRESENCE_BYTES } from "../passage.ts";
import { isAddress, TOPIC_OPTIONS } from "./connect-options.ts";

/** What `join` is asked to do, checked. */
export type JoinRequest = {
  /** At least one, in the order in which they are to be used. */
  readonly relays: readonly string[];
  /** Undefined: the secret alone names it. */
  readonly topic: string | undefined;
  readonly secretFile: string | undefined;
  /** The private key by which it proves who it is. */
  readonly keyFile: string | undefined;
  /** The public keys that are shown alone; empty: everybody. */
  readonly allow: readonly string[];
  readonly isPlain: boolean;
  readonly peerId: string | undefined;
  /** What it shows to the others as its presence. */
  readonly name: string | undefined;
  /** As Node writes it. */
  readonly fingerprint: string | undefined;
  readonly caFile: string | undefined;
  readonly proxy: string | undefined;
  readonly tokenFile: string | undefined;
  readonly isJson: boolean;
  /** Goes on listening after the end of standard input. */
  readonly isStaying: boolean;
  readonly timeoutMs: number;
};

const OPTIONS = {
  plain: { type: "boolean" },
  "peer-id": { type: "string" },
  name: { type: "string" },
  ...TOPIC_OPTIONS,
  "secret-file": { type: "string" },
  "key-file": { type: "string" },
  allow: { type: "string", multiple: true },
  json: { type: "boolean" },
  stay: { type: "boolean" },
  timeout: { type: "string" },
  help: { type: "boolean", short: "h" },
} as const;

const DEFAULT_TIMEOUT_SECONDS = "30";

/**
 * Reads the words behind `join`.
 * @returns what is asked, `help`, or one sentence about what is wrong.
 */
export function parseJoin(args: readonly string[]): JoinRequest | "help" | { readonly problem: string } {
  const parsed = readWords(args);
  if ("problem" in parsed) return parsed;
  const { values, positionals } = parsed;
  if (values.help === true) return "help";
  const [address, topic, ...more] = positionals;
  if (address === undefined || more.length > 0) {
    return { problem: "Give the address of a relay, and a topic or a secret." };
  }
  const fingerprint = values.fingerprint === undefined ? undefined : parseFingerprint(values.fingerprint);
  const timeoutSeconds = Number(values.timeout ?? DEFAULT_TIMEOUT_SECONDS);
  const request: JoinRequest = {
    relays: [address, ...(values.relay ?? [])],
    topic,
    secretFile: values["secret-file"],
    keyFile: values["key-file"],
    allow: values.allow ?? [],
    isPlain: values.plain === true,
    peerId: values["peer-id"],
    name: values.name,
    fingerprint,
    caFile: values["ca-file"],
    proxy: values.proxy,
    tokenFile: values["token-file"],
    isJson: values.json === true,
    isStaying: values.stay === true,
    timeoutMs: timeoutSeconds * 1000,
  };
  const problem =
    values.fingerprint !== undefined && fingerprint === undefined
      ? "--fingerprint: the SHA-256 fingerprint of a certificate has 64 hex digits, with or without colons."
      : problemOf(request);
  return problem === undefined ? request : { problem };
}

type Words = ReturnType<typeof parseArgs<{ options: typeof OPTIONS; allowPositionals: true }>>;

function readWords(args: readonly string[]): Words | { readonly problem: string } {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

function problemOf(request: JoinRequest): string | undefined {
  const { relays, topic, secretFile, keyFile, allow, isPlain, peerId, name, timeoutMs } = request;
  if (!relays.every(isAddress)) return `${errorTexts["address-invalid"][0]}.`;
  if (topic !== undefined && !isTopic(topic)) return `${errorTexts["topic-invalid"][0]}.`;
  if (isPlain && secretFile !== undefined) return "--secret-file: a plain topic is not sealed.";
  if (isPlain && keyFile !== undefined) return "--key-file: a plain topic is not sealed.";
  if (allow.length > 0 && keyFile === undefined)
    return "--allow goes with --key-file: only who has a key asks for others'.";
  if (name !== undefined && isPlain) return "--name: a plain topic has no presence; see --peer-id.";
  const maxNameBytes = keyFile === undefined ? MAX_PRESENCE_BYTES : MAX_SIGNED_PRESENCE_BYTES;
  if (name !== undefined && (name.trim() === "" || Buffer.byteLength(name) > maxNameBytes)) {
    return `--name: 1 to ${maxNameBytes} bytes.`;
  }
  if (peerId !== undefined && !isPlain) return "--peer-id goes with --plain: without it, names are made for you.";
  if (peerId !== undefined && !isPeerId(peerId)) return `--peer-id: ${errorSentences["peer-id-invalid"]}.`;
  if (!(timeoutMs >= 1000 && timeoutMs <= 3_600_000)) return "--timeout: a number of seconds from 1 to 3600.";
  return undefined;
}
