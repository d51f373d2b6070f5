import { readFileSync } from "node:fs";
import { createInterface } from "node:readline/promises";
import { AzError, AzMissing } from "./az.ts";
import { NotReady } from "./preflight.ts";

/** Writes a line to standard output. */
export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** The text of a file that an option names. @throws NotReady where it cannot be read. */
export function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new NotReady(`${path} cannot be read: ${(error as NodeJS.ErrnoException).code}`, { cause: error });
  }
}

/** Runs what a script does and sets the exit code: 0 where it says that all is well. What was foreseen is one line. */
export async function conclude(script: string, work: () => Promise<boolean>): Promise<void> {
  try {
    process.exitCode = (await work()) ? 0 : 1;
  } catch (error) {
    if (!(error instanceof NotReady || error instanceof AzError || error instanceof AzMissing)) throw error;
    process.stderr.write(`${script}: ${error.message}\n`);
    process.exitCode = 1;
  }
}

/**
 * Asks on the terminal for a word.
 * @returns whether exactly this word was typed. Without a terminal nobody can be asked, and the answer is no.
 */
export async function confirm(question: string, word: string): Promise<boolean> {
  if (!process.stdin.isTTY) {
    process.stderr.write(`${question} There is no terminal to ask on: use --yes.\n`);
    return false;
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await terminal.question(`${question} Type ${word} to go on: `)).trim() === word;
  } finally {
    terminal.close();
  }
}
