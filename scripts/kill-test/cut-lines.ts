import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/** One member's line. */
type Line = { readonly server: Server; readonly port: number; readonly sockets: Set<Socket>; isCut: boolean };

/** More is not read: several times what 100 ms at full speed are. */
const MAX_HELD_BYTES = 67_108_864;

/** Where the lines lead, and for how long each byte is under way; 0: it is passed on. */
export type LinesSetting = { readonly serverPort: number; readonly memberCount: number; readonly delayMs: number };

/** Where in the counted bytes a member's are: to the server, and behind it from there. */
export function placeOf(member: number): number {
  return 2 * member;
}

/** TCP between members and the server, each member on a port of its own, so that its line alone can be cut. */
export class CutLines {
  readonly #serverPort: number;
  readonly #delayMs: number;
  readonly #lines: Line[] = [];
  readonly #bytes: Float64Array;

  private constructor({ serverPort, delayMs }: LinesSetting, bytes: Float64Array) {
    this.#serverPort = serverPort;
    this.#delayMs = delayMs;
    this.#bytes = bytes;
  }

  /** Listens for all members on free ports of loopback. @param bytes where it counts what goes by */
  static async listen(setting: LinesSetting, bytes: Float64Array): Promise<CutLines> {
    const lines = new CutLines(setting, bytes);
    for (let index = 0; index < setting.memberCount; index += 1) await lines.#open(placeOf(index));
    return lines;
  }

  /** Those of the members, in their order. */
  get ports(): readonly number[] {
    return this.#lines.map(({ port }) => port);
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

  async #open(place: number): Promise<void> {
    const server = createServer({ noDelay: true, allowHalfOpen: true }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const port = address !== null && typeof address === "object" ? address.port : 0;
    const line: Line = { server, port, sockets: new Set(), isCut: false };
    this.#lines.push(line);
    server.on("connection", (near) => this.#join(line, place, near));
  }

  #join(line: Line, place: number, near: Socket): void {
    if (line.isCut) {
      near.on("error", () => undefined);
      near.resetAndDestroy();
      return;
    }
    const far = connect({ port: this.#serverPort, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
    near.on("data", (chunk) => this.#count(place, chunk.length));
    far.on("data", (chunk) => this.#count(place + 1, chunk.length));
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

  #count(place: number, bytes: number): void {
    this.#bytes[place] = (this.#bytes[place] ?? 0) + bytes;
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
