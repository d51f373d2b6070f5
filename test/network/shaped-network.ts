import { execFileSync } from "node:child_process";
import { onTestFinished } from "vitest";

/** A line between the relay and its clients: as fast as it says in both directions. */
export type Line = {
  /** What a client dials. */
  readonly relayAddress: string;
  /** What the relay sees. */
  readonly clientAddress: string;
  readonly bitsPerSecond: number;
};

/** A packet, and one more. */
const BURST_BYTES = 3200;
/** What waits at the narrow place before packets are lost: what home routers have. */
const QUEUE_MS = 500;
const FIRST_NETWORK = "10.213";

let networkCount = 0;

/** Two network namespaces, one for the relay and one for its clients, with a line for each client. Gone when the test ends. */
export class ShapedNetwork {
  readonly relaySide: string;
  readonly clientSide: string;
  #lineCount = 0;

  constructor() {
    networkCount += 1;
    const name = `postern-${process.pid}-${networkCount}`;
    this.relaySide = `${name}-relay`;
    this.clientSide = `${name}-clients`;
    onTestFinished(() => {
      for (const side of [this.relaySide, this.clientSide]) run("ip", "netns", "del", side);
    });
    for (const side of [this.relaySide, this.clientSide]) {
      run("ip", "netns", "add", side);
      run("ip", "-n", side, "link", "set", "lo", "up");
    }
  }

  /** Lays one more line. The sockets' buffers are as the kernel sizes them. */
  line(bitsPerSecond: number): Line {
    const number = this.#lineCount;
    this.#lineCount += 1;
    const name = `line${number}`;
    const [relayAddress, clientAddress] = [`${FIRST_NETWORK}.${number}.1`, `${FIRST_NETWORK}.${number}.2`];
    run(
      "ip",
      "-n",
      this.relaySide,
      "link",
      "add",
      name,
      "type",
      "veth",
      "peer",
      "name",
      name,
      "netns",
      this.clientSide,
    );
    this.#shape(this.relaySide, name, relayAddress, bitsPerSecond);
    this.#shape(this.clientSide, name, clientAddress, bitsPerSecond);
    return { relayAddress, clientAddress, bitsPerSecond };
  }

  #shape(side: string, name: string, address: string, bitsPerSecond: number): void {
    run("ip", "-n", side, "addr", "add", `${address}/30`, "dev", name);
    run("ip", "-n", side, "link", "set", name, "up");
    const burstBytes = Math.max(BURST_BYTES, bitsPerSecond / 8 / 100);
    const shape = ["rate", `${bitsPerSecond}bit`, "burst", `${burstBytes}`, "latency", `${QUEUE_MS}ms`];
    run("tc", "-n", side, "qdisc", "add", "dev", name, "root", "tbf", ...shape);
  }
}

function run(command: string, ...args: readonly string[]): void {
  execFileSync(command, args, { stdio: ["ignore", "ignore", "pipe"] });
}
