import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { type ClientOptions, WebSocket } from "ws";
import type { Pebble } from "../loopback/pebble.ts";
import type { Engine } from "./engine.ts";

const NAME = "relay.example.test";
const STATE = "/var/lib/postern";
const PATIENCE_MS = 60_000;

/** What a scene is played with. */
export type SceneParts = {
  readonly engine: Engine;
  readonly pebble: Pebble;
  readonly print: (line: string) => void;
  /** Further flags of `run`, for machines that need some. */
  readonly runFlags: readonly string[];
};

/** One container after another on one volume, on the host's network, where the authority asks. */
export class ContainerScene {
  readonly #engine: Engine;
  readonly #pebble: Pebble;
  readonly #print: (line: string) => void;
  readonly #runFlags: readonly string[];
  readonly #image: string;
  readonly #name = `postern-check-${process.pid}`;
  readonly #folder: string;
  #fingerprint = "";

  constructor({ engine, pebble, print, runFlags }: SceneParts, image: string) {
    this.#engine = engine;
    this.#pebble = pebble;
    this.#print = print;
    this.#runFlags = runFlags;
    this.#image = image;
    this.#folder = mkdtempSync(join(tmpdir(), "postern-check-"));
    chmodSync(this.#folder, 0o755);
    writeFileSync(join(this.#folder, "ca.pem"), pebble.ca, { mode: 0o644 });
  }

  /** Orders a certificate, serves it, and drains when it is stopped. */
  async firstStart(): Promise<void> {
    await this.#start();
    const { fingerprint } = await this.#answer();
    this.#fingerprint = fingerprint;
    this.#require(this.#orderCount() === 1, `one order was placed, and not ${this.#orderCount()}`);
    this.#print("ok: /health answers over TLS, with a certificate of the authority");
    await this.#engine.run("exec", this.#name, "node", "/app/dist/relay/main.js", "health");
    this.#print("ok: the health check of the image passes");
    await this.#stopWithClient();
    this.#print("ok: a stop closes clients with 1012, and the container exits with 0");
  }

  /** Finds the certificate on the volume, and orders none. */
  async secondStart(): Promise<void> {
    await this.#engine.run("rm", this.#name);
    await this.#start("--read-only");
    await this.#servesTheSame();
    await this.#stopWithClient();
    this.#print(
      "ok: a new container on the volume, read-only but for that, serves the same certificate without an order",
    );
  }

  /** Packs the volume up as docs/deploy/README.md does, loses it, and puts it back: nothing is ordered. */
  async restoredStart(): Promise<void> {
    const archive = join(this.#folder, "postern.tgz");
    const tar = [
      "--volume",
      `${this.#name}:${STATE}`,
      ...this.#runFlags,
      "--entrypoint",
      "tar",
      this.#image,
      "-C",
      STATE,
    ];
    await this.#engine.run("rm", this.#name);
    await this.#engine.runInto(archive, "run", "--rm", ...tar, "-cz", ".");
    await this.#engine.run("volume", "rm", this.#name);
    await this.#engine.runFrom(archive, "run", "--rm", "--interactive", ...tar, "-xzp");
    await this.#start();
    await this.#servesTheSame();
    await this.#stopWithClient();
    this.#print("ok: a volume that was lost and restored from its backup serves the same certificate without an order");
  }

  /** What the container logged; it has to be there. */
  logs(): Promise<string> {
    return this.#engine.run("logs", this.#name);
  }

  /** Takes away the container and its volume. */
  async remove(): Promise<void> {
    await this.#engine.run("rm", "--force", this.#name);
    await this.#engine.run("volume", "rm", "--force", this.#name);
    rmSync(this.#folder, { recursive: true });
  }

  async #start(...flags: readonly string[]): Promise<void> {
    const variables = {
      TLS: "acme",
      DOMAIN: NAME,
      EMAIL: "ops@example.test",
      ACME_DIRECTORY: this.#pebble.directoryUrl,
      ACME_CA_FILE: "/authority/ca.pem",
      HOST: "127.0.0.1",
      PORT: `${this.#pebble.tlsPort}`,
    };
    const environment = Object.entries(variables).flatMap(([name, value]) => ["--env", `${name}=${value}`]);
    const volumes = ["--volume", `${this.#name}:${STATE}`, "--volume", `${this.#folder}:/authority:ro`];
    const given = [...this.#runFlags, ...flags, ...volumes, ...environment];
    await this.#engine.run("run", "--detach", "--name", this.#name, "--network", "host", ...given, this.#image);
  }

  /** Waits until /health answers with a certificate that leads to the authority. */
  async #answer(): Promise<{ readonly fingerprint: string }> {
    const ca = await this.#pebble.root();
    const deadlineMs = performance.now() + PATIENCE_MS;
    for (;;) {
      try {
        return await health(this.#pebble.tlsPort, ca);
      } catch (error) {
        if (performance.now() > deadlineMs) throw error;
        await new Promise((wake) => {
          setTimeout(wake, 100);
        });
      }
    }
  }

  async #servesTheSame(): Promise<void> {
    const { fingerprint } = await this.#answer();
    this.#require(fingerprint === this.#fingerprint, "the certificate is the one of before");
    this.#require(this.#orderCount() === 1, `nothing more was ordered, and not ${this.#orderCount() - 1}`);
  }

  async #stopWithClient(): Promise<void> {
    const ca = await this.#pebble.root();
    const options: ClientOptions & { readonly servername: string } = { ca, servername: NAME };
    const client = new WebSocket(`wss://127.0.0.1:${this.#pebble.tlsPort}/`, options);
    await once(client, "open");
    const closed = once(client, "close") as Promise<[number]>;
    await this.#engine.run("stop", this.#name);
    const [closeCode] = await closed;
    const exitCode = await this.#engine.run("inspect", "--format", "{{.State.ExitCode}}", this.#name);
    this.#require(closeCode === 1012, `a client is closed with 1012, and not ${closeCode}`);
    this.#require(exitCode === "0", `the container exits with 0, and not ${exitCode}`);
  }

  #orderCount(): number {
    return this.#pebble.logged(/POST \/order-plz /);
  }

  #require(holds: boolean, claim: string): void {
    if (!holds) throw new Error(`expected that ${claim}`);
  }
}

function health(port: number, ca: string): Promise<{ readonly fingerprint: string }> {
  return new Promise((answered, failed) => {
    const url = `https://127.0.0.1:${port}/health`;
    get(url, { ca, servername: NAME, agent: false }, (response) => {
      const { fingerprint256: fingerprint } = (response.socket as TLSSocket).getPeerCertificate();
      response.resume();
      if (response.statusCode === 200) answered({ fingerprint });
      else failed(new Error(`/health says ${response.statusCode}`));
    }).on("error", failed);
  });
}
