import { once } from "node:events";
import { createServer } from "node:https";
import { onTestFinished } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { SUBPROTOCOL_V1 } from "../../protocol/subprotocol.ts";
import type { Pair } from "./certificate-files.ts";
import type { TestRelay } from "./relay.ts";

/** What it makes of a text that the relay has sent. */
type Alter = (text: string) => string;

/** Somebody who looks into TLS: ends it with a certificate of its own, and passes on what each side says. */
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
    const sockets = new WebSocketServer({ server, handleProtocols: () => SUBPROTOCOL_V1 });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const interceptor = new TlsInterceptor(typeof address === "object" ? (address?.port ?? 0) : 0);
    sockets.on("connection", (near) => interceptor.#join(near, relay, alter));
    onTestFinished(() => {
      for (const near of sockets.clients) near.terminate();
      server.close();
    });
    return interceptor;
  }

  #join(near: WebSocket, relay: TestRelay, alter: Alter): void {
    this.upgradeCount += 1;
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
