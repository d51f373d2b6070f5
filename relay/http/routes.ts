import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { CertificateStatus } from "../tls/source.ts";
import { statusJson } from "../tls/status-json.ts";
import { landingPage } from "./landing-page.ts";

/** The figures that the routes show: counts, and how the certificate is doing. Nothing that names a topic or a peer. */
export type RelayFigures = {
  readonly version: string;
  readonly uptimeSeconds: number;
  readonly epochMs: number;
  readonly connections: number;
  readonly peers: number;
  readonly topics: number;
  readonly messages: number;
  readonly bytes: number;
  readonly outboxesFull: number;
  readonly stalledReaders: number;
  readonly slowReaders: number;
  readonly pauses: number;
  readonly swept: number;
  /** Undefined without TLS. */
  readonly certificate: CertificateStatus | undefined;
};

/** Whether the relay takes clients, or the reason why not. */
export type Readiness = "ready" | "starting" | "draining" | "no-certificate";

/** What the routes ask of the relay. */
export type RoutesParts = { readonly figures: () => RelayFigures; readonly readiness: () => Readiness };

type Answer = { readonly status: number; readonly contentType: string; readonly body: string };

const HTML_HEADERS = {
  "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
};

/** Answers every plain HTTP request: four small pages, and a typed refusal for everything else. */
export class Routes {
  readonly #routes: ReadonlyMap<string, (request: IncomingMessage) => Answer>;

  /** Answers that are not yet on their way, by socket. */
  readonly #answering = new WeakMap<Socket, number>();

  constructor(parts: RoutesParts) {
    this.#routes = new Map<string, (request: IncomingMessage) => Answer>([
      ["/", (request) => root(request, parts.figures().version)],
      ["/health", () => json(200, health(parts.figures()))],
      ["/ready", () => ready(parts.readiness(), parts.figures())],
      ["/stats", () => json(200, stats(parts.figures()))],
    ]);
  }

  /** Whether an earlier request of this socket is still being answered: its answer must not end up among frames. */
  isAnswering(socket: Socket): boolean {
    return (this.#answering.get(socket) ?? 0) > 0;
  }

  /** Takes a `request` event of the HTTP server. */
  handle(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    this.#answering.set(socket, (this.#answering.get(socket) ?? 0) + 1);
    response.once("close", () => this.#answering.set(socket, (this.#answering.get(socket) ?? 1) - 1));
    const answer = this.#answerTo(request, response);
    const body = Buffer.from(answer.body);
    response.writeHead(answer.status, {
      "content-type": answer.contentType,
      "content-length": body.length,
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      ...(answer.contentType.startsWith("text/html") ? HTML_HEADERS : {}),
    });
    response.end(request.method === "HEAD" ? undefined : body);
  }

  #answerTo(request: IncomingMessage, response: ServerResponse): Answer {
    if (hasBody(request)) {
      // No route reads a body; closing is what stops a stranger from sending one without end.
      response.shouldKeepAlive = false;
      return text(413, "Payload Too Large");
    }
    const route = this.#routes.get((request.url ?? "").split("?", 1)[0] ?? "");
    if (route === undefined) return text(404, "Not Found");
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.setHeader("allow", "GET, HEAD");
      return text(405, "Method Not Allowed");
    }
    return route(request);
  }
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

function root(request: IncomingMessage, version: string): Answer {
  if (request.headers.accept?.includes("text/html")) {
    return { status: 200, contentType: "text/html; charset=utf-8", body: landingPage(version) };
  }
  return json(200, {
    error: "This is a WebSocket relay endpoint",
    service: "postern",
    version,
    endpoints: { relay: "/", health: "/health", ready: "/ready", stats: "/stats" },
  });
}

/** The keys that the health checks of all five seed systems look for; what this relay does not carry yet counts 0. */
function health(figures: RelayFigures): object {
  return {
    status: "healthy",
    version: figures.version,
    uptime_seconds: Math.trunc(figures.uptimeSeconds),
    uptime: figures.uptimeSeconds,
    blob_count: 0,
    topics: figures.topics,
    peers: figures.peers,
    meshes: 0,
    connections: figures.connections,
    registered_meshes: 0,
    sessions: 0,
    timestamp: figures.epochMs / 1000,
  };
}

function ready(readiness: Readiness, figures: RelayFigures): Answer {
  return json(readiness === "ready" ? 200 : 503, { status: readiness, ...certificate(figures) });
}

/** Without TLS there is no such key. */
function certificate({ certificate: status, epochMs }: RelayFigures): object {
  return status === undefined ? {} : { certificate: statusJson(status, epochMs) };
}

function stats(figures: RelayFigures): object {
  return {
    version: figures.version,
    uptime_seconds: Math.trunc(figures.uptimeSeconds),
    connections: figures.connections,
    peers: figures.peers,
    topics: figures.topics,
    messages: figures.messages,
    bytes: figures.bytes,
    outboxes_full: figures.outboxesFull,
    stalled_readers: figures.stalledReaders,
    slow_readers: figures.slowReaders,
    pauses: figures.pauses,
    swept: figures.swept,
    ...certificate(figures),
  };
}

function json(status: number, value: object): Answer {
  return { status, contentType: "application/json", body: JSON.stringify(value) };
}

function text(status: number, sentence: string): Answer {
  return { status, contentType: "text/plain; charset=utf-8", body: sentence };
}
