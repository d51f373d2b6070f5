import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Environment } from "./environment.ts";
import { parseGnomeSettings } from "./gnome-settings.ts";
import { parseMacosSettings } from "./macos-settings.ts";
import type { SystemSettings } from "./settings.ts";
import { parseWindowsSettings } from "./windows-settings.ts";

/** Runs a program and gives what it prints. */
type RunProgram = (command: string, args: readonly string[]) => Promise<string>;

/** Where a program runs: what the settings depend on. */
export type Machine = { readonly platform: string; readonly env: Environment; readonly run: RunProgram };

const TIMEOUT_MS = 3000;
const MAX_OUTPUT_BYTES = 262_144;
const INTERNET_SETTINGS = String.raw`HKCU\Software\Microsoft\Windows\CurrentVersion\Internet Settings`;

/** Runs a program that is there, for three seconds at most. */
export async function runProgram(command: string, args: readonly string[]): Promise<string> {
  const options = { timeout: TIMEOUT_MS, maxBuffer: MAX_OUTPUT_BYTES, windowsHide: true };
  return (await promisify(execFile)(command, [...args], options)).stdout;
}

/**
 * Asks the system: Windows its registry, macOS `scutil`, and a desktop of GNOME's kind `gsettings`. Others have no settings of this kind.
 * @returns undefined where there is nothing to ask, or it does not answer.
 */
export async function readSystemSettings({ platform, env, run }: Machine): Promise<SystemSettings | undefined> {
  try {
    if (platform === "win32") {
      const command = `${env["SystemRoot"] ?? String.raw`C:\Windows`}\\System32\\reg.exe`;
      return parseWindowsSettings(await run(command, ["query", INTERNET_SETTINGS]));
    }
    if (platform === "darwin") return parseMacosSettings(await run("/usr/sbin/scutil", ["--proxy"]));
    // Without a desktop nobody has set anything there.
    if (!env["XDG_CURRENT_DESKTOP"]) return undefined;
    return parseGnomeSettings(await run("gsettings", ["list-recursively", "org.gnome.system.proxy"]));
  } catch {
    return undefined;
  }
}
