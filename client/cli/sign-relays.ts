import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { epochMs } from "../clock.ts";
import { checkedAddresses } from "../relays/addresses.ts";
import { listText, type SignedList, signedBytes } from "../relays/signed-list.ts";
import { ExitCode, type Terminal } from "./terminal.ts";
import { toTerminalText } from "./terminal-text.ts";

const OPTIONS = {
  "key-file": { type: "string" },
  "new-key": { type: "boolean" },
  days: { type: "string" },
  help: { type: "boolean", short: "h" },
} as const;

const DEFAULT_DAYS = "90";
const MAX_DAYS = 3650;
const DAY_MS = 86_400_000;

/** `sign-relays`: makes a signed list of relays. @returns the exit code; never throws for what a user can get wrong. */
export async function signRelays(args: readonly string[], terminal: Terminal, program: string): Promise<ExitCode> {
  try {
    const { values, positionals } = parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
    if (values.help === true) {
      terminal.stdout.write(helpOf(program));
      return ExitCode.success;
    }
    const relays = checkedAddresses(positionals);
    const expiresAtMs = epochMs() + daysOf(values.days) * DAY_MS;
    const keyFile = values["key-file"];
    if (keyFile === undefined) throw new Error("--key-file: the file with the private key; with --new-key it is made.");
    if (values["new-key"] === true) await makeKey(keyFile);
    const key = await readKey(keyFile);
    const { x } = createPublicKey(key).export({ format: "jwk" });
    terminal.stderr.write(`public key: ${x}\n`);
    const list = listText({ relays, expiresAtMs });
    const signature = sign(null, signedBytes(list), key).toString("base64url");
    terminal.stdout.write(`${JSON.stringify({ list, signature } satisfies SignedList)}\n`);
    return ExitCode.success;
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    terminal.stderr.write(`${program} sign-relays: ${toTerminalText(problem)}\nSee ${program} sign-relays --help\n`);
    return ExitCode.usage;
  }
}

/** @throws Error */
function daysOf(words: string = DEFAULT_DAYS): number {
  const days = Number(words);
  if (days > 0 && days <= MAX_DAYS) return days;
  throw new Error(`--days: a number above 0, up to ${MAX_DAYS}.`);
}

/** Never over one that is there: with it the clients of the old one would be lost. @throws Error */
async function makeKey(path: string): Promise<void> {
  const { privateKey } = generateKeyPairSync("ed25519");
  await writeFile(path, privateKey.export({ format: "pem", type: "pkcs8" }), { flag: "wx", mode: 0o600 });
}

/** @throws Error */
async function readKey(path: string): Promise<KeyObject> {
  const text = await readFile(path);
  let key: KeyObject | undefined;
  try {
    key = createPrivateKey(text);
  } catch {
    // Said below: what Node says of it does not help.
  }
  if (key?.asymmetricKeyType !== "ed25519") throw new Error("--key-file: not an Ed25519 private key in PEM.");
  return key;
}

function helpOf(program: string): string {
  return `Usage: ${program} sign-relays --key-file <path> [options] <relay>...

Prints a signed list of relays. Put it at any address where your apps can fetch it. Build the public key, which is printed to
standard error, into them. They use the first three relays of the list that they reach, all at once.

  relay                 an address, wss://relay.example.com; the first ones are used first

Options:
  --key-file <path>     the private key that signs: Ed25519, in PEM
  --new-key             make it first; an existing file is never replaced
  --days <count>        how long the list is valid (${DEFAULT_DAYS}). Apps keep using an older one, and warn
  -h, --help

Example:
  ${program} sign-relays --key-file relays.pem --new-key wss://a.example.com wss://b.example.com > relays.json
`;
}
