import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { onTestFinished } from "vitest";
import type { TlsMaterial } from "../../relay/tls/material.ts";

/** One CONNECT, as a proxy has read it. */
export type ConnectRequest = {
  /** What it is to connect to. */
  readonly authority: string;
  readonly authorization: string | undefined;
  /** Which of its connections it came on, from 1 up, and which request of that connection it was. */
  readonly connection: number;
  readonly round: number;
};

/** What a proxy does: opens the tunnel, or sends this text and keeps, ends or closes the connection. */
export type ProxyVerdict = "tunnel" | { readonly answer: string | Buffer; readonly next?: "keep" | "end" | "destroy" };

/** How a proxy is set up. @property hosts names that it alone can look up. */
export type HttpProxyOptions = {
  readonly judge?: (request: ConnectRequest) => ProxyVerdict;
  readonly hosts?: Readonly<Record<string, string>>;
  readonly tls?: TlsMaterial;
};

/** An HTTP proxy on loopback, which opens tunnels (CONNECT) as its judge wants. Ends with the test. */
export class HttpProxy {
  readonly requests: ConnectRequest[] = [];
  readonly #server: Server;
  readonly #options: HttpProxyOptions;
  readonly #sockets = new Set<Socket>();
  #connectionCount = 0;

  private constructor(options: HttpProxyOptions) {
    this.#options = options;
    const { tls } = options;
    const take = (socket: Socket): void => this.#take(socket);
    this.#server =
      tls === undefined ? createServer(take) : createTlsServer({ cert: tls.certificate, key: tls.key }, take);
    onTestFinished(() => {
      for (const socket of this.#sockets) socket.destroy();
      this.#server.close();
    });
  }

  static async start(options: HttpProxyOptions = {}): Promise<HttpProxy> {
    const proxy = new HttpProxy(options);
    proxy.#server.on("tlsClientError", () => undefined);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get connectionCount(): number {
    return this.#connectionCount;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  /** @param user with its password, `a:b`. */
  url(user = ""): string {
    return `${this.#options.tls ? "https" : "http"}://${user === "" ? "" : `${user}@`}localhost:${this.port}`;
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => this.#sockets.delete(socket));
  }

  #take(socket: Socket): void {
    this.#keep(socket);
    this.#connectionCount += 1;
    const connection = this.#connectionCount;
    let round = 0;
    let head = "";
    const read = (chunk: Buffer): void => {
      head += chunk.toString("latin1");
      const end = head.indexOf("\r\n\r\n");
      if (end === -1) return;
      round += 1;
      const [, authority = ""] = /^CONNECT (\S+) HTTP\/1\.1\r\n/.exec(head) ?? [];
      const [, authorization] = /\r\nproxy-authorization: (.*)\r\n/i.exec(head) ?? [];
      const request = { authority, authorization, connection, round };
      head = head.slice(end + 4);
      this.requests.push(request);
      this.#obey(socket, read, authority, this.#options.judge?.(request) ?? "tunnel");
    };
    socket.on("data", read);
  }

  #obey(socket: Socket, read: (chunk: Buffer) => void, authority: string, verdict: ProxyVerdict): void {
    if (verdict !== "tunnel") {
      const { answer, next = "keep" } = verdict;
      socket.write(answer, () => {
        if (next === "end") socket.end();
        if (next === "destroy") socket.destroy();
      });
      return;
    }
    socket.off("data", read);
    const colon = authority.lastIndexOf(":");
    const name = authority.slice(0, colon).replace(/^\[|\]$/g, "");
    const far = connect(Number(authority.slice(colon + 1)), this.#options.hosts?.[name] ?? name);
    this.#keep(far);
    far.on("connect", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      socket.pipe(far).pipe(socket);
    });
    far.on("error", () => socket.end("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"));
  }
}

/** A whole answer without a body. */
export function bare(status: string, ...fields: readonly string[]): string {
  return `HTTP/1.1 ${[status, "Content-Length: 0", ...fields].join("\r\n")}\r\n\r\n`;
}
