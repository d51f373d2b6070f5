import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { onTestFinished } from "vitest";
import { Run } from "./process.ts";
import type { TestRelay } from "./relay.ts";

/** The program of the client's commands. */
export const PROGRAM: string = resolve("client/cli/main.ts");

/** A folder that goes with the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "postern-transfer-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** A file with these bytes, in a folder of its own. @returns its path */
export function fileOf(bytes: Buffer, name = "report.pdf"): string {
  const path = join(temporaryFolder(), name);
  writeFileSync(path, bytes);
  return path;
}

/** Starts to send, and waits for the code. */
export async function sending(
  relay: TestRelay,
  path: string,
  env: Record<string, string> = {},
): Promise<[Run, string]> {
  const run = new Run([PROGRAM, "send", relay.url, path], { env });
  await run.printed(/^(\w{5}-){8}\w{5}$/m);
  return [run, run.stdout.trim()];
}

/** Starts to receive into a folder. */
export function receiving(relay: TestRelay, code: string, cwd: string, ...options: readonly string[]): Run {
  return new Run([PROGRAM, "receive", relay.url, code, ...options], { cwd });
}
