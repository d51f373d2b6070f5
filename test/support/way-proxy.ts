import { once } from "node:events";
import {
  createServer,
  type IncomingMessage,
  request as requestHttp,
  type Server,
  type ServerResponse,
} from "node:http";
import { connect, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/**
 * What a proxy does to WebSockets:
 * - `pass`: nothing;
 * - `strip`: takes the Upgrade out, and passes the rest on, as Squid does where it intercepts;
 * - `refuse`: answers 403 with a page;
 * - `swallow`: passes the 101 on, and nothing behind it;
 * - `ignore`: never answers.
 */
export type Upgrades = "pass" | "strip" | "refuse" | "swallow" | "ignore";

/** What it does to other requests. */
export type ProxyHabits = {
  /** Ends a connection on which nothing is answered for so long. */
  readonly cutIdleMs?: number;
  /** Answers go on when they are whole, head and all, as nginx does. */
  readonly isBuffering?: boolean;
  /** Each POST goes on so many times, over connections of their own; the last answer counts. */
  readonly copies?: number;
};

/** A proxy in this process between a client and a relay without TLS, with the habits of those in offices. */
export class WayProxy {
  readonly port: number;
  upgrades: Upgrades;
  /** What came so far. */
  readonly counts: Record<"upgrades" | "polls" | "uploads", number> = { upgrades: 0, polls: 0, uploads: 0 };
  readonly #server: Server;
  readonly #relayPort: number;
  readonly #habits: ProxyHabits;
  readonly #sockets = new Set<Socket>();
  readonly #tunnels = new Set<Socket>();

  private constructor(server: Server, port: number, relayPort: number, upgrades: Upgrades, habits: ProxyHabits) {
    this.#server = server;
    this.port = port;
    this.#relayPort = relayPort;
    this.upgrades = upgrades;
    this.#habits = habits;
    server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    server.on("request", (request, response) => void this.#forward(request, response));
    server.on("upgrade", (request, socket: Socket, head: Buffer) => this.#upgrade(request, socket, head));
  }

  /** Listens on a free port of loopback until the test ends. */
  static async to(relayPort: number, upgrades: Upgrades, habits: ProxyHabits = {}): Promise<WayProxy> {
    const server = createServer({ keepAliveTimeout: 60_000 });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const proxy = new WayProxy(server, port, relayPort, upgrades, habits);
    onTestFinished(() => proxy.#stop());
    return proxy;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}`;
  }

  /** WebSockets that are open through it. */
  get tunnelCount(): number {
    return this.#tunnels.size;
  }

  /** Ends everything that is open. */
  cut(): void {
    for (const socket of [...this.#sockets, ...this.#tunnels]) socket.destroy();
  }

  #stop(): void {
    this.cut();
    this.#server.close();
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    socket.on("error", () => undefined);
    this.counts.upgrades += 1;
    if (this.upgrades === "ignore") return;
    if (this.upgrades === "refuse") {
      socket.end(
        "HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\nContent-Length: 4\r\nConnection: close\r\n\r\nNo.\n",
      );
      return;
    }
    const isStripped = this.upgrades === "strip";
    const names = new Set(isStripped ? ["upgrade", "connection"] : []);
    const lines = linesOf(request.rawHeaders).filter((line) => !names.has((line.split(":", 1)[0] ?? "").toLowerCase()));
    if (isStripped) lines.push("Connection: close");
    const far = connect(this.#relayPort, "127.0.0.1");
    this.#tunnels.add(far);
    far.on("error", () => undefined);
    far.on("close", () => {
      this.#tunnels.delete(far);
      socket.destroy();
    });
    socket.on("close", () => far.destroy());
    far.write(`${request.method} ${request.url} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`);
    far.write(head);
    if (this.upgrades === "swallow") {
      far.once("data", (answer: Buffer) => socket.write(answer.subarray(0, answer.indexOf("\r\n\r\n") + 4)));
      far.on("data", () => undefined);
      socket.on("data", () => undefined);
      return;
    }
    far.pipe(socket);
    socket.pipe(far);
  }

  async #forward(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const isUpload = request.method === "POST";
    this.counts[isUpload ? "uploads" : "polls"] += 1;
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
      const body = Buffer.concat(chunks);
      const copies = isUpload ? (this.#habits.copies ?? 1) : 1;
      const asked = [];
      for (let copy = 1; copy < copies; copy += 1) asked.push(this.#ask(request, body).catch(() => undefined));
      await Promise.all(asked);
      await this.#answer(response, await this.#ask(request, body, response));
    } catch {
      response.destroy();
    }
  }

  #ask(request: IncomingMessage, body: Buffer, response?: ServerResponse): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const asked = requestHttp(
      {
        host: "127.0.0.1",
        port: this.#relayPort,
        method: request.method,
        path: request.url,
        headers: request.headers,
        agent: false,
      },
      (answer) => {
        // A copy's answer is read, and goes nowhere.
        if (response === undefined) answer.resume().on("end", () => resolve(answer));
        else resolve(answer);
      },
    );
    asked.on("error", reject);
    if (response !== undefined) {
      const { cutIdleMs } = this.#habits;
      const timer = cutIdleMs === undefined ? undefined : setTimeout(() => response.destroy(), cutIdleMs);
      asked.on("close", () => clearTimeout(timer));
      asked.on("response", () => clearTimeout(timer));
      response.on("close", () => asked.destroy());
    }
    asked.end(body);
    return promise;
  }

  async #answer(response: ServerResponse, answer: IncomingMessage): Promise<void> {
    const { "transfer-encoding": _, connection: __, ...headers } = answer.headers;
    if (this.#habits.isBuffering !== true) {
      response.writeHead(answer.statusCode ?? 502, headers);
      answer.pipe(response);
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk);
    response.writeHead(answer.statusCode ?? 502, headers);
    response.end(Buffer.concat(chunks));
  }
}

function linesOf(rawHeaders: readonly string[]): string[] {
  const lines = [];
  for (let index = 0; index < rawHeaders.length; index += 2)
    lines.push(`${rawHeaders[index]}: ${rawHeaders[index + 1]}`);
  return lines;
}
