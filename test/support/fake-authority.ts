import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { type Clock, systemClock } from "../../relay/clock.ts";
import { sharedCertificate } from "./shared-certificate.ts";

/** What the authority says to a request; "nothing" leaves it waiting for good. */
export type Answer =
  | "nothing"
  | { readonly status: number; readonly body: unknown; readonly headers?: Readonly<Record<string, string>> };

/** An answer by which ACME reports an error (RFC 8555 section 6.7). */
export function problem(status: number, type: string, detail: string, headers: Record<string, string> = {}): Answer {
  return { status, headers, body: { type: `urn:ietf:params:acme:error:${type}`, detail } };
}

/** An authority that gives out accounts and no certificates: for what Pebble cannot be made to do. It ends with the test. */
export class FakeAuthority {
  readonly directoryUrl: string;
  readonly caFile: string;
  accountCount = 0;
  orderCount = 0;
  /** Overrides what it says, by path: `/dir`, `/account`, `/order`. */
  readonly answers: Map<string, Answer> = new Map();
  /** Whose time the Date header says. */
  clock: Clock = systemClock;
  #nonce = 0;

  private constructor(port: number, caFile: string) {
    this.directoryUrl = `https://localhost:${port}/dir`;
    this.caFile = caFile;
  }

  static async start(): Promise<FakeAuthority> {
    const { key, certificate } = sharedCertificate();
    const folder = mkdtempSync(join(tmpdir(), "postern-authority-"));
    const caFile = join(folder, "ca.pem");
    writeFileSync(caFile, certificate);
    const server: Server = createServer({ key, cert: certificate }).listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => {
      server.close();
      server.closeAllConnections();
      rmSync(folder, { recursive: true });
    });
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    const authority = new FakeAuthority(address.port, caFile);
    server.on("request", (request, response) => authority.#handle(request, response));
    return authority;
  }

  #handle({ url = "", headers }: IncomingMessage, response: ServerResponse): void {
    if (url === "/account") this.accountCount += 1;
    if (url === "/order") this.orderCount += 1;
    const answer = this.answers.get(url) ?? this.#usual(url, `https://${headers.host}`);
    if (answer === "nothing") return;
    this.#nonce += 1;
    const { status, body } = answer;
    response.writeHead(status, {
      "content-type": status < 400 ? "application/json" : "application/problem+json",
      date: new Date(this.clock.epochMs()).toUTCString(),
      "replay-nonce": `nonce-${this.#nonce}`,
      ...answer.headers,
    });
    response.end(JSON.stringify(body));
  }

  #usual(url: string, origin: string): Answer {
    switch (url) {
      case "/dir":
        return {
          status: 200,
          body: { newNonce: `${origin}/nonce`, newAccount: `${origin}/account`, newOrder: `${origin}/order`, meta: {} },
        };
      case "/account":
        return { status: 201, body: { status: "valid" }, headers: { location: `${origin}/account/1` } };
      case "/nonce":
        return { status: 200, body: {} };
      default:
        return problem(403, "unauthorized", "This authority signs nothing");
    }
  }
}
