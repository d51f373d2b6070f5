import { open } from "node:fs/promises";
import { type Algorithm, algorithms, createKey } from "../auth/issuer.ts";
import { RelayError } from "../relay-error.ts";
import type { OutputOptions } from "./cert-status.ts";
import { ExitCode, type Terminal } from "./terminal.ts";

/** `algorithm`: what it signs with. `out`: where what signs is written. */
export type KeygenOptions = OutputOptions & { readonly algorithm: string; readonly out: string };

/**
 * Makes a key for tokens: writes what signs into a new file that only this user may read, and prints what the relay is
 * given. For HS256 the two are the same secret, and nothing is printed of it.
 * @throws RelayError where there is no such algorithm, or the file exists or cannot be written.
 */
export async function tokenKeygen(
  { algorithm: name, out, json = false }: KeygenOptions,
  { stdout, stderr }: Terminal,
): Promise<ExitCode> {
  const algorithm = readAlgorithm(name);
  const { signing, verifying } = await createKey(algorithm);
  await writeNew(out, `${JSON.stringify(signing)}\n`);
  const isSecret = algorithm === "HS256";
  if (json) {
    const facts = { algorithm, key_id: signing.kid, file: out };
    stdout.write(`${JSON.stringify(isSecret ? facts : { ...facts, public_key: verifying })}\n`);
    return ExitCode.success;
  }
  if (!isSecret) stdout.write(`${JSON.stringify(verifying)}\n`);
  stderr.write(
    isSecret
      ? `${out} has the secret (0600). It signs tokens, and the relay takes it as AUTH_KEYS_FILE.\n`
      : `${out} has the private key (0600): keep it where tokens are made. The relay takes the public one, above.\n`,
  );
  return ExitCode.success;
}

function readAlgorithm(name: string): Algorithm {
  const algorithm = algorithms.find((known) => known.toLowerCase() === name.toLowerCase());
  if (algorithm !== undefined) return algorithm;
  throw new RelayError("CONFIG_INVALID", `flag --algorithm takes ${algorithms.join(", ")}`);
}

/** Never over a file that is there: it may be the key of tokens that are in use. */
async function writeNew(path: string, text: string): Promise<void> {
  try {
    const file = await open(path, "wx", 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : "unknown";
    throw new RelayError("AUTH_UNUSABLE", `flag --out: ${reason}`, { cause: error });
  }
}
