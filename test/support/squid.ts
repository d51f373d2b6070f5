import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { freePort } from "../../scripts/loopback/free-port.ts";
import { eventually } from "./eventually.ts";
import { Run } from "./process.ts";

/** A Squid on loopback. It ends with the test. */
export class Squid {
  readonly port: number;
  readonly #run: Run;
  readonly #file: string;

  private constructor(port: number, run: Run, file: string) {
    this.port = port;
    this.#run = run;
    this.#file = file;
  }

  /** Starts one with these rules. @param folder of `squidFolder`: where its configuration is put. */
  static async start(rules: readonly string[], folder: string = squidFolder()): Promise<Squid> {
    const port = await freePort();
    const file = join(folder, "squid.conf");
    writeFileSync(file, configuration(port, rules));
    const run = new Run(["-N", "-f", file], { command: "squid" });
    await listens(port, run);
    return new Squid(port, run, file);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Puts other rules in the place of those that it has. They hold a moment later: Squid is told by a signal. */
  setRules(rules: readonly string[]): void {
    writeFileSync(this.#file, configuration(this.port, rules));
    this.#run.signal("SIGHUP");
  }
}

/** A folder that Squid can read: it serves as another user than the one that starts it. */
export function squidFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "postern-squid-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  execFileSync("chmod", ["755", folder]);
  return folder;
}

function configuration(port: number, rules: readonly string[]): string {
  const lines = [
    `http_port 127.0.0.1:${port}`,
    "pid_filename none",
    "access_log none",
    "cache_log /dev/null",
    "cache deny all",
    "shutdown_lifetime 1 second",
    "visible_hostname proxy.test",
    ...rules,
  ];
  return `${lines.join("\n")}\n`;
}

async function listens(port: number, run: Run): Promise<void> {
  await eventually(
    () =>
      new Promise<void>((resolve, reject) => {
        const socket = connect(port, "127.0.0.1", () => {
          socket.destroy();
          resolve();
        });
        socket.on("error", () => reject(new Error(`squid does not listen:\n${run.stdout}\n${run.stderr}`)));
      }),
  );
}
