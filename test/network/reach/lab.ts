import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { OwnKey } from "../../../relay/tls/own-key.ts";
import { makeFolder } from "../../support/certificate-files.ts";
import type { LineProcess } from "../../support/line-process.ts";
import { LineRelay } from "../line-relay.ts";
import { RELAY_ADDRESS, RELAY_NAME } from "./addresses.ts";
import { Authority } from "./authority.ts";
import { Namespace } from "./namespace.ts";
import { Office } from "./office.ts";

const FAR_MEMBER = new URL("programs/far-member.ts", import.meta.url).pathname;

/** The Internet as the rows need it: a relay, a member beside it, and the authority that all clients trust. */
export class Lab {
  readonly internet: Namespace = new Namespace("inet");
  readonly publicRoot: Authority = new Authority("Public Trust");
  readonly corporateRoot: Authority = new Authority("Example Corp");
  /** By which the relay is known, whatever intercepts TLS. */
  readonly relayKey: string;
  readonly #relayKeyFile: string = join(makeFolder(), "relay-key.pem");
  readonly #certificate = this.publicRoot.issue(RELAY_NAME);
  readonly #offices: Office[] = [];
  #relay: LineRelay | undefined;
  #member: LineProcess | undefined;

  private constructor() {
    const pem = generateKeyPairSync("ed25519").privateKey.export({ format: "pem", type: "pkcs8" });
    writeFileSync(this.#relayKeyFile, pem);
    this.relayKey = new OwnKey(createPrivateKey(pem)).publicText;
  }

  /** Starts a relay, and a member that joins what it is told to. */
  static async start(): Promise<Lab> {
    const lab = new Lab();
    lab.internet.ip(`addr add ${RELAY_ADDRESS}/32 dev lo`);
    lab.internet.file("hosts", `127.0.0.1 localhost\n${RELAY_ADDRESS} ${RELAY_NAME}\n`);
    await lab.startRelay();
    lab.#member = lab.internet.start([
      process.execPath,
      FAR_MEMBER,
      `wss://${RELAY_NAME}`,
      lab.publicRoot.files.certificate,
    ]);
    return lab;
  }

  get relay(): LineRelay {
    if (this.#relay === undefined) throw new Error("there is no relay");
    return this.#relay;
  }

  /** Starts a relay, or another one after the first has ended. */
  async startRelay(): Promise<void> {
    const { key, certificate } = this.#certificate;
    const files = ["--tls-key-file", key, "--tls-cert-file", certificate, "--relay-key-file", this.#relayKeyFile];
    const tls = ["--tls", "files", ...files];
    // The relay's address is asked for often, from a row and its doctor: no row is about limits.
    const limits = ["--connections-per-ip-per-minute", "0"];
    this.#relay = await LineRelay.start(this.internet.name, 443, [...tls, ...limits, "--stun-port", "3478"]);
  }

  /** An office with a way to the Internet that lets everything through. @param topic that the far member joins. */
  office(topic: string): Office {
    const office = new Office(this, this.#offices.length + 1, topic);
    this.#offices.push(office);
    this.#member?.write(topic);
    return office;
  }
}
