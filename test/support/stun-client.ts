import { execFileSync } from "node:child_process";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { onTestFinished } from "vitest";
import { PATIENCE_MS } from "./patience.ts";

/** The 20 bytes of a Binding request without attributes, as browsers send it. @param number makes its transaction id. */
export function bindingRequest(number = 1, attributes: Buffer = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(20);
  header.writeUInt16BE(0x0001, 0);
  header.writeUInt16BE(attributes.length, 2);
  header.writeUInt32BE(0x2112a442, 4);
  header.writeUInt32BE(number, 16);
  return Buffer.concat([header, attributes]);
}

/** A datagram with the time at which it came, and from where: `127.0.0.1:3478`. */
export type Received = { readonly datagram: Buffer; readonly atMs: number; readonly from: string };

/** A socket of UDP at an address of loopback: 127.0.0.0/8 has as many as a test wants. It closes with the test. */
export class UdpClient {
  readonly received: Received[] = [];
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("message", (datagram, { address, port }) =>
      this.received.push({ datagram, atMs: performance.now(), from: `${address}:${port}` }),
    );
  }

  static async open(address = "127.0.0.1"): Promise<UdpClient> {
    const socket = createSocket(address.includes(":") ? "udp6" : "udp4").bind(0, address);
    onTestFinished(() => void socket.close());
    await once(socket, "listening");
    return new UdpClient(socket);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  send(datagram: Uint8Array, port: number, address = "127.0.0.1"): void {
    this.#socket.send(datagram, port, address);
  }

  /** Sends a request. @returns the next datagram that comes. */
  async ask(datagram: Uint8Array, port: number, address = "127.0.0.1"): Promise<Buffer> {
    const answer = once(this.#socket, "message", { signal: AbortSignal.timeout(PATIENCE_MS) });
    this.send(datagram, port, address);
    const [bytes] = (await answer) as [Buffer];
    return bytes;
  }
}

/** A request for an answer from elsewhere (RFC 5780 section 7.2). @param flags 4: the other address; 2: the other port. */
export function changeRequest(flags: number, number = 1): Buffer {
  return bindingRequest(number, Buffer.from([0, 3, 0, 4, 0, 0, 0, flags]));
}

/** The attributes of an answer over IPv4 that hold a plain address, by type: `127.0.0.1:4000`. Read by other means than the relay's. */
export function plainAddressesIn(answer: Buffer): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (let offset = 20; offset < answer.length; offset += 4 + answer.readUInt16BE(offset + 2)) {
    const type = answer.subarray(offset, offset + 2).toString("hex");
    const [, family, high = 0, low = 0, ...address] = answer.subarray(offset + 4, offset + 12);
    if (family === 1 && type !== "0020") found[type] = `${address.join(".")}:${high * 256 + low}`;
  }
  return found;
}

const RAW_PROGRAM = `
import socket, sys
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
raw.sendto(bytes.fromhex(sys.argv[1]), ("127.0.0.1", 0))
`;

/** Sends a datagram from a port that no socket can have, as only whoever writes packets can. */
export function sendFrom(sourcePort: number, datagram: Uint8Array, port: number): void {
  const header = Buffer.alloc(8);
  header.writeUInt16BE(sourcePort, 0);
  header.writeUInt16BE(port, 2);
  header.writeUInt16BE(header.length + datagram.length, 4);
  const packet = Buffer.concat([header, datagram]).toString("hex");
  execFileSync("/usr/bin/python3", ["-c", RAW_PROGRAM, packet]);
}

/** What an answer says of who asked: `127.0.0.1:4000`, or `[::1]:4000`. Read by other means than the relay's. */
export function mappedAddressIn(answer: Buffer): string {
  const port = answer.readUInt16BE(26) ^ 0x2112;
  const bytes = [...answer.subarray(28, answer.readUInt8(25) === 1 ? 32 : 44)].map(
    (byte, index) => byte ^ answer.readUInt8(4 + index),
  );
  if (bytes.length === 4) return `${bytes.join(".")}:${port}`;
  const hexadecimal = Buffer.from(bytes).toString("hex").match(/.{4}/g) ?? [];
  return `[${new URL(`http://[${hexadecimal.join(":")}]`).hostname.slice(1, -1)}]:${port}`;
}
