import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { CertificateStatus } from "../tls/source.ts";
import { statusJson } from "../tls/status-json.ts";
import { type Answer, html, json, text } from "./answer.ts";
import type { DialectRoutes } from "./dialect-routes.ts";
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

/** The pages for who runs the relay. Implemented by relay/admin/admin-pages.ts. */
export interface AdminRoutes {
  /** What `GET` of this path gives; undefined where it is none of these pages. */
  page(path: string): Page | undefined;
  /** The same for `POST`; its form has not been looked at. */
  form(path: string): Page | undefined;
  /** Whether to show the details of /stats: undefined for the rest of the world, a refusal for a token that is wrong. */
  details(request: IncomingMessage): Details;
}

/** What the routes ask of the relay. `admin`: the pages for who runs it, where they are on this listener. */
export type RoutesParts = {
  readonly figures: () => RelayFigures;
  readonly readiness: () => Readiness;
  readonly admin: AdminRoutes | undefined;
  /** Pages of dialects; undefined where this listener has none. */
  readonly dialects: DialectRoutes | undefined;
};

const LANDING_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";

/** A page that answers a request. */
export type Page = (request: IncomingMessage) => Answer | Promise<Answer>;

type Details = { readonly details: object } | { readonly refusal: Answer } | undefined;

/** Answers every plain HTTP request: a few small pages, and a typed refusal for everything else. */
export class Routes {
  readonly #routes: ReadonlyMap<string, Page>;
  readonly #admin: AdminRoutes | undefined;
  readonly #dialects: DialectRoutes | undefined;

  /** Answers that are not yet on their way, by socket. */
  readonly #answering = new WeakMap<Socket, number>();

  constructor(parts: RoutesParts) {
    this.#admin = parts.admin;
    this.#dialects = parts.dialects;
    this.#routes = new Map<string, Page>([
      ["/", (request) => root(request, parts.figures().version)],
      ["/health", () => json(200, health(parts.figures()))],
      ["/ready", () => ready(parts.readiness(), parts.figures())],
      ["/stats", (request) => stats(parts.figures(), parts.admin?.details(request))],
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
    if (!(answer instanceof Promise)) {
      writeAnswer(request, response, answer);
      return;
    }
    // What fails here is the reading of a body whose sender is gone.
    answer.then((late) => writeAnswer(request, response, late)).catch(() => response.destroy());
  }

  #answerTo(request: IncomingMessage, response: ServerResponse): Answer | Promise<Answer> {
    const path = (request.url ?? "").split("?", 1)[0] ?? "";
    const form = this.#admin?.form(path);
    if (form !== undefined && request.method === "POST") return form(request);
    const methods = this.#dialects?.methodsAt(path) ?? [];
    if (this.#dialects !== undefined && methods.includes(request.method ?? ""))
      return this.#dialects.answer(request, path);
    if (hasBody(request)) {
      // No other route reads a body; closing is what stops a stranger from sending one without end.
      response.shouldKeepAlive = false;
      return text(413, "Payload Too Large");
    }
    const route = this.#routes.get(path) ?? this.#admin?.page(path);
    if (route !== undefined && (request.method === "GET" || request.method === "HEAD")) return route(request);
    const allowed = [
      ...(route === undefined ? [] : ["GET", "HEAD"]),
      ...(form === undefined ? [] : ["POST"]),
      ...methods,
    ];
    if (allowed.length === 0) return text(404, "Not Found");
    response.setHeader("allow", allowed.join(", "));
    return text(405, "Method Not Allowed");
  }
}

/** Writes an answer, with the headers that all have. */
export function writeAnswer(request: IncomingMessage, response: ServerResponse, answer: Answer): void {
  // What of a form was not read would be taken for the next request.
  if (!request.complete && hasBody(request)) response.shouldKeepAlive = false;
  const body = Buffer.from(answer.body);
  response.writeHead(answer.status, {
    "content-type": answer.contentType,
    "content-length": body.length,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    ...answer.headers,
  });
  response.end(request.method === "HEAD" ? undefined : body);
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

function root(request: IncomingMessage, version: string): Answer {
  if (request.headers.accept?.includes("text/html")) {
    return html(200, landingPage(version), LANDING_POLICY);
  }
  return json(200, {
    error: "This is a WebSocket relay endpoint",
    service: "postern",
    version,
    endpoints: { relay: "/", health: "/health", ready: "/ready", stats: "/stats" },
  });
}

/** The keys that the health checks of all five original systems look for; what this relay does not carry yet counts 0. */
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

function stats(figures: RelayFigures, details: Details): Answer {
  if (details !== undefined && "refusal" in details) return details.refusal;
  return json(200, {
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
    ...details,
  });
}
