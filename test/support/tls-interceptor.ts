import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, request } from "node:https";
import { pipeline } from "node:stream";
import { onTestFinished } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { SUBPROTOCOL_V1 } from "../../protocol/subprotocol.ts";
import type { Pair } from "./certificate-files.ts";
import type { TestRelay } from "./relay.ts";

/** What it makes of a text that the relay has sent; `refused`: it lets no upgrade through. */
type Alter = ((text: string) => string) | "refused";

/** Somebody who intercepts TLS: ends it with a certificate of its own, and passes on what each side says. */
export class TlsInterceptor {
  readonly url: string;
  /** Upgrades that have come. */
  upgradeCount = 0;
  /** What clients have sent as text. */
  readonly heard: string[] = [];

  private constructor(port: number) {
    this.url = `wss://localhost:${port}`;
  }

  /** @param alter changes what the relay says; left out: nothing is changed. */
  static async start(
    relay: TestRelay,
    { key, certificate }: Pair,
    alter: Alter = (text) => text,
  ): Promise<TlsInterceptor> {
    const server = createServer({ key, cert: certificate });
    const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => SUBPROTOCOL_V1 });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const interceptor = new TlsInterceptor(typeof address === "object" ? (address?.port ?? 0) : 0);
    server.on("request", (asked, answer) => passOn(asked, answer, relay));
    server.on("upgrade", (asked, socket, head) => {
      interceptor.upgradeCount += 1;
      if (alter === "refused") return void socket.end("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n");
      sockets.handleUpgrade(asked, socket, head, (near) => interceptor.#join(near, relay, alter));
    });
    onTestFinished(() => {
      for (const near of sockets.clients) near.terminate();
      server.closeAllConnections();
      server.close();
    });
    return interceptor;
  }

  #join(near: WebSocket, relay: TestRelay, alter: Exclude<Alter, "refused">): void {
    const far = new WebSocket(relay.url, SUBPROTOCOL_V1, { ca: relay.certificate });
    const opened = once(far, "open");
    near.on("message", (data: Buffer, isBinary) => {
      if (!isBinary) this.heard.push(data.toString());
      void opened.then(() => far.send(data, { binary: isBinary }));
    });
    far.on("message", (data: Buffer, isBinary) => {
      near.send(isBinary ? data : alter(data.toString()), { binary: isBinary });
    });
    near.on("close", () => far.terminate());
    far.on("close", () => near.terminate());
    far.on("error", () => near.terminate());
  }
}

/** A plain request, and its answer. */
function passOn(asked: IncomingMessage, answer: ServerResponse, relay: TestRelay): void {
  const { method, headers, url: path } = asked;
  const options = { host: "localhost", port: relay.port, ca: relay.certificate, method, headers, path };
  const far = request(options, (response) => {
    answer.writeHead(response.statusCode ?? 502, response.headers);
    pipeline(response, answer, () => undefined);
  });
  far.on("error", () => answer.destroy());
  pipeline(asked, far, () => undefined);
}
