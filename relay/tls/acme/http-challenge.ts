import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { isIP } from "node:net";
import { ListenFailure, listenOn } from "../../listen-on.ts";
import { createServer } from "../../node-http.ts";
import { RelayError } from "../../relay-error.ts";
import { toOriginForm } from "../../request-target.ts";

const CHALLENGE_PATH = "/.well-known/acme-challenge/";
/** A request here has a short path and a few headers, or is none of ours. */
const MAX_HEADER_BYTES = 8192;
/** A CA that asks has its request ready. */
const REQUEST_TIMEOUT_MS = 3000;
/** Node's 30 s would leave slow sockets that much longer, in the places of the CA's. */
const CHECK_INTERVAL_MS = 1000;
const MAX_SOCKETS = 256;

/** Where the responder listens, and for which names. */
export type HttpChallengeOptions = {
  readonly host: string;
  readonly port: number;
  readonly names: readonly string[];
};

/**
 * Answers HTTP-01 challenges (RFC 8555 section 8.3) on a port of its own. People who ask there for one of the relay's names
 * are sent to https; everything else is 404.
 */
export class HttpChallengeResponder {
  readonly #options: HttpChallengeOptions;
  readonly #answers = new Map<string, string>();
  readonly #server: Server;
  #answerCount = 0;

  constructor(options: HttpChallengeOptions) {
    this.#options = options;
    const limits = {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: REQUEST_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: CHECK_INTERVAL_MS,
      keepAliveTimeout: 1,
    };
    this.#server = createServer(limits, (request, response) => this.#answer(request, response));
    this.#server.maxConnections = MAX_SOCKETS;
  }

  /** How many questions of a CA were answered. */
  get answerCount(): number {
    return this.#answerCount;
  }

  /** @throws RelayError PORT_IN_USE, PORT_NOT_PERMITTED or LISTEN_FAILED. */
  async start(): Promise<void> {
    const { host, port } = this.#options;
    try {
      await listenOn(this.#server, { host, port });
    } catch (error) {
      throw error instanceof ListenFailure ? listenError(error, host, port) : error;
    }
  }

  /** Resolves when the port is free. */
  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  /** From now on, whoever asks for the token gets the key authorization. */
  add(token: string, keyAuthorization: string): void {
    this.#answers.set(token, keyAuthorization);
  }

  /** The token is no longer waited for. */
  remove(token: string): void {
    this.#answers.delete(token);
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    toOriginForm(request);
    const { method, url = "", headers } = request;
    const isReading = method === "GET" || method === "HEAD";
    const answer = url.startsWith(CHALLENGE_PATH) ? this.#answers.get(url.slice(CHALLENGE_PATH.length)) : undefined;
    if (isReading && answer !== undefined) {
      this.#answerCount += 1;
      response.writeHead(200, { "content-type": "application/octet-stream" }).end(answer);
      return;
    }
    const name = this.#options.names.find((known) => known === nameIn(headers.host));
    if (name === undefined || !isReading || !url.startsWith("/")) {
      response.writeHead(404, { "content-length": 0 }).end();
      return;
    }
    const host = isIP(name) === 6 ? `[${name}]` : name;
    response.writeHead(308, { location: `https://${host}${url}`, "content-length": 0 }).end();
  }
}

/** The Host header without a port. Only names of our own are sent on: a redirect to anywhere would be a gift to others. */
function nameIn(host = ""): string {
  return host
    .toLowerCase()
    .replace(/:\d+$/, "")
    .replace(/^\[(.*)\]$/, "$1");
}

function listenError(error: ListenFailure, host: string, port: number): RelayError {
  const cause = { cause: error };
  const fix =
    "Free it, choose another with ACME_HTTP_PORT or --acme-http-port, or leave that out: 443 alone is enough.";
  switch (error.code) {
    case "EADDRINUSE":
      return new RelayError("PORT_IN_USE", `Port ${port} on ${host}, for HTTP-01 challenges, is in use. ${fix}`, cause);
    case "EACCES":
      return new RelayError(
        "PORT_NOT_PERMITTED",
        `Port ${port}, for HTTP-01 challenges, is not permitted. ${fix}`,
        cause,
      );
    default:
      return new RelayError(
        "LISTEN_FAILED",
        `Cannot listen on port ${port} of ${host} for HTTP-01 challenges: ${error.message}.`,
        cause,
      );
  }
}
