import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { freePort } from "../../scripts/loopback/free-port.ts";
import { eventually } from "./eventually.ts";
import { Run } from "./process.ts";

/** Makes certificates for what Squid looks into: Debian has it in squid-openssl, and not in squid. */
const CERTIFICATE_HELPER = "/usr/lib/squid/security_file_certgen";

/** What a Squid that intercepts TLS needs. */
export const BUMPING_COMMANDS: readonly string[] = ["squid", CERTIFICATE_HELPER];

/** A Squid on loopback. It ends with the test. */
export class Squid {
  readonly port: number;
  readonly #run: Run;
  readonly #file: string;
  readonly #bump: string;

  private constructor(port: number, run: Run, file: string, bump: string) {
    this.port = port;
    this.#run = run;
    this.#file = file;
    this.#bump = bump;
  }

  /** Starts one with these rules. @param bump what its port says beside, where it intercepts TLS. */
  static async start(rules: readonly string[], folder: string = folderForSquid(), bump = ""): Promise<Squid> {
    const port = await freePort();
    const file = join(folder, "squid.conf");
    writeFileSync(file, configuration(port, rules, bump));
    const run = new Run(["-N", "-f", file], { command: "squid" });
    await listens(port, run);
    return new Squid(port, run, file, bump);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Puts other rules in the place of those that it has. They hold a moment later: Squid is told by a signal. */
  setRules(rules: readonly string[]): void {
    writeFileSync(this.#file, configuration(this.port, rules, this.#bump));
    this.#run.signal("SIGHUP");
  }
}

function configuration(port: number, rules: readonly string[], bump: string): string {
  const lines = [
    `http_port 127.0.0.1:${port} ${bump}`,
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

/** A folder for its files, which goes with the test. */
export function folderForSquid(): string {
  const folder = mkdtempSync(join(tmpdir(), "postern-squid-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  // Squid serves as another user than the one that starts it.
  execFileSync("chmod", ["755", folder]);
  return folder;
}

/** Starts one that intercepts TLS, as it is shipped: it takes the Upgrade header away. */
export function startBumpingSquid(folder: string = folderForSquid()): Promise<Squid> {
  const [key, certificate, both] = ["key.pem", "certificate.pem", "both.pem"].map((name) => join(folder, name));
  const name = ["-subj", "/CN=Example Corp", "-addext", "basicConstraints=critical,CA:TRUE"];
  const files = ["-keyout", `${key}`, "-out", `${certificate}`, "-days", "1"];
  execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", ...files, ...name], { stdio: "ignore" });
  writeFileSync(`${both}`, execFileSync("cat", [`${certificate}`, `${key}`]), { mode: 0o644 });
  const database = join(folder, "certificates");
  execFileSync(CERTIFICATE_HELPER, ["-c", "-s", database, "-M", "4MB"], { stdio: "ignore" });
  execFileSync("chmod", ["-R", "a+rwX", folder]);
  const rules = [
    `sslcrtd_program ${CERTIFICATE_HELPER} -s ${database} -M 4MB`,
    "acl hello at_step SslBump1",
    "ssl_bump peek hello",
    "ssl_bump bump all",
    // The relay's own certificate is self-signed.
    "tls_outgoing_options flags=DONT_VERIFY_PEER",
    "sslproxy_cert_error allow all",
    "http_access allow all",
  ];
  return Squid.start(rules, folder, `ssl-bump generate-host-certificates=on tls-cert=${both}`);
}
