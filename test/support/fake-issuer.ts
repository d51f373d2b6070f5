import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import { sharedCertificate } from "./shared-certificate.ts";

/** Answers one request for the keys. */
type Answer = (response: ServerResponse) => void;

/** Whoever issues tokens, on loopback over TLS: publishes keys as a JSON Web Key Set. Closed when the test ends. */
export class FakeIssuer {
  /** PEM to trust. */
  readonly ca: string;
  /** Requests that came. */
  requestCount = 0;
  /** What is published. */
  keys: readonly object[];
  /** In place of the keys. */
  answer: Answer | undefined;
  readonly #server: Server;

  private constructor(server: Server, ca: string, keys: readonly object[]) {
    this.#server = server;
    this.ca = ca;
    this.keys = keys;
    server.on("request", (_request, response) => {
      this.requestCount += 1;
      if (this.answer === undefined) response.end(JSON.stringify({ keys: this.keys }));
      else this.answer(response);
    });
  }

  static async start(keys: readonly object[]): Promise<FakeIssuer> {
    const { key, certificate } = sharedCertificate();
    const server = createServer({ key, cert: certificate });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    return new FakeIssuer(server, certificate, keys);
  }

  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `https://localhost:${port}/jwks.json`;
  }

  /** Goes away: connections are refused from now on. */
  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}
