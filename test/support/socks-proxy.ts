import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { onTestFinished } from "vitest";
import { SocketReader } from "../../client/node/proxies/socket-reader.ts";

/** What a SOCKS proxy does besides connecting. */
export type SocksOptions = {
  /** Who may use it, `name:password`; left out: everybody. */
  readonly user?: string;
  /** RFC 1928 section 6; 0 unless it is set. */
  readonly reply?: number;
  /** Names that it alone can look up. */
  readonly hosts?: Readonly<Record<string, string>>;
};

/** A SOCKS 5 proxy on loopback (RFC 1928, 1929), as far as CONNECT goes. Ends with the test. */
export class SocksProxy {
  /** What it was asked to connect to: `name:port`, and before it the kind of the address. */
  readonly asked: string[] = [];
  readonly #options: SocksOptions;
  readonly #server = createServer((socket) => void this.#serve(socket).catch(() => socket.destroy()));
  readonly #sockets = new Set<Socket>();

  private constructor(options: SocksOptions) {
    this.#options = options;
    onTestFinished(() => {
      for (const socket of this.#sockets) socket.destroy();
      this.#server.close();
    });
  }

  static async start(options: SocksOptions = {}): Promise<SocksProxy> {
    const proxy = new SocksProxy(options);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  url(user = ""): string {
    const address = this.#server.address();
    return `socks5://${user === "" ? "" : `${user}@`}127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
  }

  async #serve(socket: Socket): Promise<void> {
    this.#keep(socket);
    const reader = new SocketReader(socket, 2048);
    const [, methodCount = 0] = await reader.bytes(2);
    const methods = await reader.bytes(methodCount);
    const wanted = this.#options.user === undefined ? 0 : 2;
    if (!methods.includes(wanted)) return void socket.end(Buffer.from([5, 255]));
    socket.write(Buffer.from([5, wanted]));
    if (wanted === 2 && !(await this.#signIn(socket, reader))) return;
    const { reply = 0, hosts = {} } = this.#options;
    const { kind, host } = await readAddress(reader);
    const port = (await reader.bytes(2)).readUInt16BE();
    this.asked.push(`${kind} ${host}:${port}`);
    if (reply !== 0) return void socket.end(Buffer.from([5, reply, 0, 1, 0, 0, 0, 0, 0, 0]));
    const far = connect(port, hosts[host] ?? host);
    this.#keep(far);
    await once(far, "connect");
    socket.write(Buffer.from([5, 0, 0, 1, 127, 0, 0, 1, 0, 80]));
    socket.pipe(far).pipe(socket);
  }

  async #signIn(socket: Socket, reader: SocketReader): Promise<boolean> {
    const [, nameLength = 0] = await reader.bytes(2);
    const name = await reader.bytes(nameLength);
    const [passwordLength = 0] = await reader.bytes(1);
    const isRight = `${name.toString()}:${(await reader.bytes(passwordLength)).toString()}` === this.#options.user;
    socket.write(Buffer.from([1, isRight ? 0 : 1]));
    if (!isRight) socket.end();
    return isRight;
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => this.#sockets.delete(socket));
  }
}

async function readAddress(reader: SocketReader): Promise<{ readonly kind: string; readonly host: string }> {
  const [, , , kind = 0] = await reader.bytes(4);
  if (kind === 1) return { kind: "ipv4", host: [...(await reader.bytes(4))].join(".") };
  if (kind === 3) {
    const [length = 0] = await reader.bytes(1);
    return { kind: "name", host: (await reader.bytes(length)).toString() };
  }
  const groups = (await reader.bytes(16)).toString("hex").match(/.{4}/g) ?? [];
  return { kind: "ipv6", host: groups.join(":") };
}
