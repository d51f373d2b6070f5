import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, request, type Server } from "node:https";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Pebble } from "../../scripts/loopback/pebble.ts";
import { sharedCertificate } from "./shared-certificate.ts";

/** What the proxy adds to the directory of the authority behind it. */
export type DirectoryAdditions = {
  readonly profiles?: Readonly<Record<string, string>>;
  /** What it says of the renewal of each certificate, by certificate id; undefined: it offers no such advice. */
  readonly renewalInfo?: (certificateId: string) => unknown;
  /** Of the first request for such a URL the answer is lost on the way back. */
  readonly losesFirst?: RegExp;
};

/**
 * An authority with what Debian's Pebble is too old for: renewal information and profiles. It hands every request on with
 * the Host header as it came; Pebble makes its URLs from that, so everything comes by here, and signatures stay good.
 */
export class DirectoryProxy {
  readonly directoryUrl: string;
  /** Its certificate, as a PEM file. */
  readonly caFile: string;
  /** The payloads of the orders that came by. */
  readonly orders: Record<string, unknown>[] = [];
  /** The certificate ids that were asked about. */
  readonly asked: string[] = [];
  /** The URLs of answers that were lost. */
  readonly lost: string[] = [];
  readonly #server: Server;

  private constructor(server: Server, caFile: string, port: number) {
    this.#server = server;
    this.caFile = caFile;
    this.directoryUrl = `https://localhost:${port}/dir`;
  }

  static async start(pebble: Pebble, additions: DirectoryAdditions): Promise<DirectoryProxy> {
    const { key, certificate } = sharedCertificate();
    const server = createServer({ key, cert: certificate }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    const folder = mkdtempSync(join(tmpdir(), "postern-proxy-"));
    const caFile = join(folder, "ca.pem");
    writeFileSync(caFile, certificate);
    const proxy = new DirectoryProxy(server, caFile, address.port);
    server.on("request", (incoming, response) => void proxy.#handle(pebble, additions, incoming, response));
    return proxy;
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
    rmSync(dirname(this.caFile), { recursive: true });
  }

  async #handle(
    pebble: Pebble,
    additions: DirectoryAdditions,
    incoming: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const { method, url = "/", headers } = incoming;
    if (url.startsWith("/renewal-info/")) {
      const id = url.slice("/renewal-info/".length);
      this.asked.push(id);
      answer(response, 200, JSON.stringify(additions.renewalInfo?.(id)), { "retry-after": "21600" });
      return;
    }
    const body = await textOf(incoming);
    if (url === "/order-plz") this.orders.push(payloadOf(body));
    const upstream = request(new URL(url, pebble.directoryUrl), { method, headers, ca: pebble.ca, agent: false });
    upstream.on("error", () => response.destroy());
    upstream.on("response", (outgoing: IncomingMessage) => void this.#pass(outgoing, incoming, response, additions));
    upstream.end(body);
  }

  /** Hands an answer back; that with the directory has more in it than it came with. */
  async #pass(
    outgoing: IncomingMessage,
    { url = "/", headers: { host } }: IncomingMessage,
    response: ServerResponse,
    { renewalInfo, profiles, losesFirst }: DirectoryAdditions,
  ): Promise<void> {
    const text = await textOf(outgoing);
    if (losesFirst?.test(url) && this.lost.length === 0) {
      this.lost.push(url);
      response.destroy();
      return;
    }
    const { "content-length": _, "transfer-encoding": __, ...kept } = outgoing.headers;
    if (url !== "/dir") {
      answer(response, outgoing.statusCode ?? 500, text, kept);
      return;
    }
    const directory = JSON.parse(text) as { meta: object };
    const added = {
      ...directory,
      ...(renewalInfo === undefined ? {} : { renewalInfo: `https://${host}/renewal-info` }),
      meta: { ...directory.meta, ...(profiles === undefined ? {} : { profiles }) },
    };
    answer(response, 200, JSON.stringify(added), kept);
  }
}

function answer(response: ServerResponse, status: number, text: string, headers: object): void {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(text);
}

async function textOf(message: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of message) text += String(chunk);
  return text;
}

/** What a signed request says (RFC 7515 section 7.2.2). */
function payloadOf(body: string): Record<string, unknown> {
  const { payload } = JSON.parse(body) as { payload: string };
  return JSON.parse(Buffer.from(payload, "base64url").toString()) as Record<string, unknown>;
}
