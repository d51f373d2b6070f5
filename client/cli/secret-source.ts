import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { secretBytes } from "../sealing/secret.ts";
import type { Terminal } from "./terminal.ts";

/**
 * The secret that a command is given: from a file, the variable POSTERN_SECRET, or by asking where somebody can answer. Never
 * from a word of the command line, which others on the machine can read.
 * @returns undefined: there is none.
 * @throws Error where the file cannot be read, TopicError `secret-invalid`
 */
export async function readSecret(
  file: string | undefined,
  terminal: Terminal,
  { mayAsk }: { readonly mayAsk: boolean },
): Promise<string | undefined> {
  const given = file === undefined ? terminal.env["POSTERN_SECRET"] : await readFile(file, "utf8");
  const secret = given?.trim() || (mayAsk ? await ask("Secret: ", terminal) : undefined);
  if (secret !== undefined) secretBytes(secret);
  return secret;
}

/** Asks on a terminal, and shows nothing of what is typed. @returns undefined: nobody is there to answer, or says anything */
export async function ask(question: string, { stdin, stderr }: Terminal): Promise<string | undefined> {
  if (!("isTTY" in stdin && stdin.isTTY === true && stderr.isTTY === true)) return undefined;
  stderr.write(question);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: stdin, output: nowhere, terminal: true });
  const answer = await lines.question("");
  lines.close();
  stderr.write("\n");
  return answer.trim() || undefined;
}
