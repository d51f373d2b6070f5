import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/** One member's line. */
type Line = { readonly server: Server; readonly port: number; readonly sockets: Set<Socket>; isCut: boolean };

/** More is not read: several times what 100 ms at full speed are. */
const MAX_HELD_BYTES = 67_108_864;

/** Bytes that went over a line. */
export type LineBytes = { toServer: number; fromServer: number };

/** TCP between members and the server, each member on a port of its own, so that its line alone can be cut. */
export class CutProxy {
  readonly #serverPort: number;
  readonly #delayMs: number;
  readonly #lines: Line[] = [];
  readonly #bytes: LineBytes[] = [];

  private constructor(serverPort: number, delayMs: number) {
    this.#serverPort = serverPort;
    this.#delayMs = delayMs;
  }

  /** Listens for so many members on free ports of loopback. @param delayMs for which each byte is under way; 0: it is passed on */
  static async listen(serverPort: number, memberCount: number, delayMs: number): Promise<CutProxy> {
    const proxy = new CutProxy(serverPort, delayMs);
    for (let index = 0; index < memberCount; index += 1) await proxy.#open();
    return proxy;
  }

  /** The port of a member. */
  port(member: number): number {
    return this.#lines[member]?.port ?? 0;
  }

  /** What has gone over a member's line since the start. */
  bytes(member: number): Readonly<LineBytes> {
    return { ...(this.#bytes[member] ?? { toServer: 0, fromServer: 0 }) };
  }

  /** Resets a member's connections, and every further one, until `mend`. */
  cut(member: number): void {
    const line = this.#lines[member];
    if (line === undefined) return;
    line.isCut = true;
    for (const socket of line.sockets) socket.resetAndDestroy();
  }

  mend(member: number): void {
    const line = this.#lines[member];
    if (line !== undefined) line.isCut = false;
  }

  async close(): Promise<void> {
    const closed = this.#lines.map(({ server }) => once(server, "close"));
    for (const { server, sockets } of this.#lines) {
      server.close();
      for (const socket of sockets) socket.destroy();
    }
    await Promise.all(closed);
  }

  async #open(): Promise<void> {
    const server = createServer({ noDelay: true, allowHalfOpen: true }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const port = address !== null && typeof address === "object" ? address.port : 0;
    const line: Line = { server, port, sockets: new Set(), isCut: false };
    const bytes: LineBytes = { toServer: 0, fromServer: 0 };
    this.#lines.push(line);
    this.#bytes.push(bytes);
    server.on("connection", (near) => this.#join(line, bytes, near));
  }

  #join(line: Line, bytes: LineBytes, near: Socket): void {
    if (line.isCut) {
      near.on("error", () => undefined);
      near.resetAndDestroy();
      return;
    }
    const far = connect({ port: this.#serverPort, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
    near.on("data", (chunk) => (bytes.toServer += chunk.length));
    far.on("data", (chunk) => (bytes.fromServer += chunk.length));
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      line.sockets.add(socket);
      socket.on("error", () => other.resetAndDestroy());
      socket.on("close", () => {
        line.sockets.delete(socket);
        other.destroySoon();
      });
      if (this.#delayMs === 0) socket.pipe(other);
      else carryLate(socket, other, this.#delayMs);
    }
  }
}

/** A line of this length, whatever its rate. */
function carryLate(from: Socket, to: Socket, delayMs: number): void {
  let heldBytes = 0;
  from.on("data", (chunk) => {
    heldBytes += chunk.length;
    if (heldBytes > MAX_HELD_BYTES) from.pause();
    setTimeout(() => {
      to.write(chunk, () => {
        heldBytes -= chunk.length;
        if (heldBytes <= MAX_HELD_BYTES) from.resume();
      });
    }, delayMs);
  });
  from.on("end", () => setTimeout(() => to.end(), delayMs));
}
