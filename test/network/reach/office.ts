import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeFolder } from "../../support/certificate-files.ts";
import { eventually } from "../../support/eventually.ts";
import type { LineProcess } from "../../support/line-process.ts";
import { RELAY_ADDRESS, RELAY_NAME } from "./addresses.ts";
import type { Lab } from "./lab.ts";
import { Namespace, wire } from "./namespace.ts";

/** The side of a wire that leads to the desk, and the other one. */
const INSIDE = "inside";

/**
 * A desk, and the box between it and the Internet. At first the box is a router with NAT, the desk knows the relay's name, and
 * it trusts the public authority alone.
 */
export class Office {
  readonly lab: Lab;
  readonly topic: string;
  readonly desk: Namespace = new Namespace("desk");
  readonly box: Namespace = new Namespace("box");
  /** The box, as the desk dials it. */
  readonly boxAddress: string;
  readonly deskAddress: string;
  /** For the files of the box's programs; readable for all, since some of them are other users. */
  readonly folder: string = makeFolder();
  /** What the environment of a program at the desk says. */
  readonly env: Record<string, string> = {};
  /** The program that looks into what goes by, where there is one that is stopped and started again. */
  program: LineProcess | undefined;
  /** Its own in the lab. */
  readonly number: number;

  /** @param number 1..250 */
  constructor(lab: Lab, number: number, topic: string) {
    this.lab = lab;
    this.topic = topic;
    this.number = number;
    [this.boxAddress, this.deskAddress] = [`10.214.${number}.1`, `10.214.${number}.2`];
    chmodSync(this.folder, 0o755);
    this.#lay();
    this.knowTheRelay();
    this.trust();
  }

  /** The desk and the box, or one of them, find the relay by its name. */
  knowTheRelay(...where: readonly Namespace[]): void {
    for (const at of where.length === 0 ? [this.desk, this.box] : where) {
      at.file("hosts", `127.0.0.1 localhost\n${RELAY_ADDRESS} ${RELAY_NAME}\n`);
    }
  }

  /** The desk asks the box for names, and knows none by itself. */
  askTheBox(): void {
    this.desk.file("hosts", "127.0.0.1 localhost\n");
    this.desk.file("resolv.conf", `nameserver ${this.boxAddress}\noptions timeout:2 attempts:1\n`);
  }

  /** What the desk trusts: the public authority, and the company's where it is said. */
  trust({ corporate = false }: { readonly corporate?: boolean } = {}): void {
    const { publicRoot, corporateRoot } = this.lab;
    const roots = corporate ? [publicRoot, corporateRoot] : [publicRoot];
    const path = join(this.folder, "trusted.pem");
    writeFileSync(path, roots.map(({ files }) => readFileSync(files.certificate, "utf8")).join(""));
    this.env["NODE_EXTRA_CA_CERTS"] = path;
  }

  /** A rule about what the box passes on. */
  forward(...rule: readonly string[]): void {
    this.box.run("iptables", "-A", "FORWARD", ...rule);
  }

  /** No more of it, and all others likewise. */
  forwardAll(): void {
    this.box.run("iptables", "-F", "FORWARD");
  }

  /** The box passes nothing on: who wants out asks its proxy. */
  forwardNothing(): void {
    this.box.run("iptables", "-P", "FORWARD", "DROP");
  }

  /** What goes to TCP 443 ends in a program of the box that listens on this port. */
  redirectTls(port: number): void {
    const tls = ["-i", INSIDE, "-p", "tcp", "--dport", "443"];
    this.box.run("iptables", "-t", "nat", "-A", "PREROUTING", ...tls, "-j", "REDIRECT", "--to-ports", `${port}`);
  }

  /** The way to the Internet and back is as slow as that. */
  slowDown(kbitPerSecond: number): void {
    const shape = ["rate", `${kbitPerSecond}kbit`, "burst", "4000", "latency", "500ms"];
    for (const device of [INSIDE, this.#wire]) {
      this.box.run("tc", "qdisc", "add", "dev", device, "root", "tbf", ...shape);
    }
  }

  /** The box forgets connections that were quiet for so long, and has no part in those that it does not know. */
  forgetAfter(quietSeconds: number): void {
    const table = "net.netfilter.nf_conntrack_tcp";
    this.box.set(`${table}_loose=0`, `${table}_timeout_established=${quietSeconds}`);
    this.forward("-m", "conntrack", "--ctstate", "INVALID", "-j", "DROP");
  }

  /** The box knows none of the connections that it knew. */
  forgetConnections(): void {
    this.box.run("conntrack", "-F");
  }

  /** The desk has another address from now on, and the old one no more. */
  moveDesk(): void {
    // In this order: the kernel takes the second address of a network away with the first.
    this.desk.ip(
      `addr del ${this.deskAddress}/24 dev ${INSIDE}`,
      `addr add 10.214.${this.number}.3/24 dev ${INSIDE}`,
      `route replace default via ${this.boxAddress}`,
    );
  }

  /** The relay's way to this office takes packets of this size. */
  limitRelayPackets(mtuBytes: number): void {
    this.#routeBack("mtu", `${mtuBytes}`);
  }

  /** Starts a program in the box. @returns when it listens on this port. */
  async serve(port: number, command: readonly string[]): Promise<LineProcess> {
    const program = this.box.start(command);
    const ends = `:${port.toString(16).toUpperCase().padStart(4, "0")} `;
    await eventually(() => {
      const tables = ["tcp", "tcp6", "udp"].map((name) => this.box.run("cat", `/proc/net/${name}`)).join("");
      const isListening = tables.split("\n").some((line) => line.includes(ends) && / 0A | 07 /.test(line));
      if (!isListening) throw new Error(`${command[0]} does not listen on ${port}:\n${program.printed}`);
    });
    return program;
  }

  get #wire(): string {
    return `out${this.number}`;
  }

  #lay(): void {
    const { desk, box } = this;
    const [far, near] = [`10.215.${this.number}.1`, `10.215.${this.number}.2`];
    wire(INSIDE, { at: desk, address: `${this.deskAddress}/24` }, { at: box, address: `${this.boxAddress}/24` });
    wire(this.#wire, { at: box, address: `${near}/24` }, { at: this.lab.internet, address: `${far}/24` });
    this.#routeBack();
    desk.ip(`route add default via ${this.boxAddress}`);
    box.ip(`route add default via ${far}`);
    box.set("net.ipv4.ip_forward=1", "net.netfilter.nf_conntrack_acct=1");
    box.run("iptables", "-t", "nat", "-A", "POSTROUTING", "-o", this.#wire, "-j", "MASQUERADE");
  }

  /** What the relay sends comes from the address that was asked. */
  #routeBack(...words: readonly string[]): void {
    const way = `10.215.${this.number}.0/24 dev ${this.#wire} src ${RELAY_ADDRESS}`;
    this.lab.internet.ip(`route replace ${way} ${words.join(" ")}`);
  }
}
