import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** Debian's. */
export const FIREFOX = "/usr/bin/firefox-esr";

/** Opens a page in a browser of its own, which ends with the test. What the page does is seen by what it says to others. */
export function openFirefox(url: string): void {
  const profile = mkdtempSync(join(tmpdir(), "postern-firefox-"));
  const browser = spawn(FIREFOX, ["--headless", "--no-remote", "--profile", profile, url], {
    stdio: "ignore",
    detached: true,
  });
  onTestFinished(async () => {
    const ended = new Promise((resolve) => {
      browser.once("exit", resolve);
    });
    // Its group: it starts processes of its own.
    if (browser.pid !== undefined && browser.exitCode === null) process.kill(-browser.pid, "SIGKILL");
    await ended;
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  });
}
