import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSelfSigned } from "../../relay/tls/self-signed.ts";
import { freePort } from "./free-port.ts";

/** It takes a tenth of a second on an idle machine. */
const START_PATIENCE_MS = 60_000;
const LOOK_INTERVAL_MS = 20;

/** What a test or a tool wants of its authority. */
export type PebbleOptions = {
  /** How long its certificates live. */
  readonly validitySeconds?: number;
  /** Of a hundred signed requests, so many are refused for their nonce. */
  readonly nonceRejectPercent?: number;
  /** Further roots, and so further chains. */
  readonly alternateRootCount?: number;
  /** Accounts that it knows by name; then it takes no others. */
  readonly externalAccounts?: Readonly<Record<string, string>>;
};

/**
 * Debian's `pebble`, the ACME server that Let's Encrypt's people test clients with, and the DNS server that goes with it.
 * All names lead to 127.0.0.1, and nothing else is reached. PEBBLE_VA_ALWAYS_VALID is never set: it really asks.
 */
export class Pebble {
  /** Where it asks for TLS-ALPN-01 and for HTTP-01: here the relay has to listen. */
  readonly tlsPort: number;
  readonly httpPort: number;
  readonly directoryUrl: string;
  /** The certificate of its listener, PEM, as text and as a file. */
  readonly ca: string;
  readonly caFile: string;
  /** What it has logged, over restarts. */
  log = "";
  readonly #folder: string;
  readonly #managementPort: number;
  readonly #dnsPort: number;
  readonly #environment: Readonly<Record<string, string>>;
  #dns: ChildProcess | undefined;
  #process: ChildProcess | undefined;

  private constructor(ports: readonly number[], options: PebbleOptions) {
    const [port = 0, managementPort = 0, dnsPort = 0, tlsPort = 0, httpPort = 0] = ports;
    this.tlsPort = tlsPort;
    this.httpPort = httpPort;
    this.directoryUrl = `https://localhost:${port}/dir`;
    this.#managementPort = managementPort;
    this.#dnsPort = dnsPort;
    this.#folder = mkdtempSync(join(tmpdir(), "postern-pebble-"));
    const { key, certificate } = createSelfSigned({
      names: ["localhost", "127.0.0.1"],
      notBefore: new Date(Date.now() - 60_000),
      lifetimeDays: 1,
    });
    this.ca = certificate;
    this.caFile = this.#write("certificate.pem", certificate);
    this.#write(
      "pebble.json",
      JSON.stringify({
        pebble: {
          listenAddress: `127.0.0.1:${port}`,
          managementListenAddress: `127.0.0.1:${managementPort}`,
          certificate: this.caFile,
          privateKey: this.#write("key.pem", key),
          tlsPort,
          httpPort,
          ocspResponderURL: "",
          certificateValidityPeriod: options.validitySeconds ?? 90 * 86_400,
          externalAccountBindingRequired: options.externalAccounts !== undefined,
          externalAccountMACKeys: options.externalAccounts ?? {},
        },
      }),
    );
    this.#environment = {
      PEBBLE_VA_NOSLEEP: "1",
      PEBBLE_AUTHZREUSE: "0",
      PEBBLE_WFE_NONCEREJECT: `${options.nonceRejectPercent ?? 0}`,
      PEBBLE_ALTERNATE_ROOTS: `${options.alternateRootCount ?? 0}`,
    };
  }

  /** Starts one on free ports of loopback. Stop it when the tests are over. */
  static async start(options: PebbleOptions = {}): Promise<Pebble> {
    const ports: number[] = [];
    while (ports.length < 5) {
      const port = await freePort();
      if (!ports.includes(port)) ports.push(port);
    }
    const pebble = new Pebble(ports, options);
    try {
      await pebble.#startDns();
      await pebble.resume();
    } catch (error) {
      await pebble.stop();
      throw error;
    }
    return pebble;
  }

  /** Ends the authority at once, as a crash would. */
  async kill(): Promise<void> {
    await end(this.#process);
    this.#process = undefined;
  }

  /** Starts the authority again. It knows nothing of before: no account, no order; its roots are new. */
  async resume(): Promise<void> {
    this.#process = this.#spawn("pebble", [
      "-config",
      join(this.#folder, "pebble.json"),
      "-dnsserver",
      `127.0.0.1:${this.#dnsPort}`,
    ]);
    const child = this.#process;
    const deadlineMs = performance.now() + START_PATIENCE_MS;
    while (!(await this.#isUp())) {
      // One that cannot start says so at once, in its log.
      if (child.exitCode !== null) throw new Error(`pebble ended:\n${this.log}`);
      if (performance.now() > deadlineMs) throw new Error(`pebble does not answer:\n${this.log}`);
      await new Promise((resolve) => {
        setTimeout(resolve, LOOK_INTERVAL_MS);
      });
    }
  }

  async stop(): Promise<void> {
    await Promise.all([this.kill(), end(this.#dns)]);
    rmSync(this.#folder, { recursive: true });
  }

  /** The root that its certificates lead to, PEM; of several, each has a number from 0. */
  root(number = 0): Promise<string> {
    return this.#get(`https://localhost:${this.#managementPort}/roots/${number}`);
  }

  /** How many lines of its log match. */
  logged(pattern: RegExp): number {
    return this.log.split("\n").filter((line) => pattern.test(line)).length;
  }

  async #startDns(): Promise<void> {
    const managementPort = await freePort();
    this.#dns = this.#spawn("pebble-challtestsrv", [
      "-defaultIPv4=127.0.0.1",
      "-defaultIPv6=",
      `-dns01=127.0.0.1:${this.#dnsPort}`,
      `-management=127.0.0.1:${managementPort}`,
      "-http01=",
      "-https01=",
      "-tlsalpn01=",
    ]);
  }

  #spawn(command: string, args: readonly string[]): ChildProcess {
    const env = { PATH: process.env["PATH"] ?? "", ...this.#environment };
    const child = spawn(command, args, { env, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk: Buffer) => {
        this.log += chunk.toString();
      });
    }
    return child;
  }

  async #isUp(): Promise<boolean> {
    try {
      await this.#get(this.directoryUrl);
      return true;
    } catch {
      return false;
    }
  }

  #write(name: string, text: string): string {
    const path = join(this.#folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  }

  #get(url: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const asked = request(url, { ca: this.ca, agent: false, timeout: 2000 }, (response) => {
        let text = "";
        response.on("data", (chunk: Buffer) => {
          text += chunk.toString();
        });
        response.on("end", () => resolve(text));
      });
      asked.on("timeout", () => asked.destroy(new Error("no answer")));
      asked.on("error", reject).end();
    });
  }
}

async function end(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}
