import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { targetOf } from "../request-target.ts";
import type { Target } from "../session/ports.ts";
import type { CertificateStatus } from "../tls/source.ts";
import { statusJson } from "../tls/status-json.ts";
import { type Answer, json, text } from "./answer.ts";
import { type BodyPace, keepToPace } from "./body-pace.ts";
import type { DialectRoutes } from "./dialect-routes.ts";
import { helloPage } from "./hello-page.ts";
import { securityTxt } from "./security-txt.ts";

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
  /** What dialects add to `/health` and to `/stats`. */
  readonly dialects: { readonly health: NamedCounts; readonly stats: NamedCounts };
};

type NamedCounts = Readonly<Record<string, number>>;

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

/** The page at `/` on which people try the relay. Implemented by relay/try-it/try-it-page.ts. */
export interface TryItRoutes {
  /** @param version undefined: not told. */
  document(version: string | undefined): Answer;
  /** What `GET` of this path gives; undefined where it is no file of the page. */
  file(path: string): Page | undefined;
}

/** The requests of clients that poll. Implemented by relay/polling/polling.ts. */
export interface PollRoutes {
  /** Answers a request, if it is one of those. @returns whether it was. */
  handle(request: IncomingMessage, response: ServerResponse): boolean;
}

/** What the routes ask of the relay. `admin`: the pages for who runs it, where they are on this listener; `tryIt` likewise. */
export type RoutesParts = {
  readonly tryIt?: TryItRoutes | undefined;
  /** Undefined where no client polls. */
  readonly polling?: PollRoutes | undefined;
  readonly figures: () => RelayFigures;
  readonly readiness: () => Readiness;
  readonly admin: AdminRoutes | undefined;
  /** Pages of dialects; undefined where this listener has none. */
  readonly dialects: DialectRoutes | undefined;
  readonly pace: Omit<BodyPace, "isEarning">;
};

/** What tunes the answers. */
export type RoutesOptions = {
  readonly showVersion: boolean;
  /** 0: browsers are told nothing. */
  readonly hstsMaxAgeSeconds: number;
  /** A URI; "": there is no security.txt. */
  readonly securityContact: string;
  /** The UDP port for STUN; 0: there is none. */
  readonly stunPort: number;
};

/** What a browser is told at `/` where there is no page for it. */
const NO_PAGE = "This is a relay: apps connect to it by WebSocket. It shows no page here.";

/** A page that answers a request. */
export type Page = (request: IncomingMessage) => Answer | Promise<Answer>;

type Details = { readonly details: object } | { readonly refusal: Answer } | undefined;

/** Answers every plain HTTP request: a few small pages, and a typed refusal for everything else. */
export class Routes {
  readonly #routes: ReadonlyMap<string, Page>;
  readonly #tryIt: TryItRoutes | undefined;
  readonly #polling: PollRoutes | undefined;
  readonly #admin: AdminRoutes | undefined;
  readonly #dialects: DialectRoutes | undefined;
  readonly #pace: Omit<BodyPace, "isEarning">;
  /** Answers that are not yet on their way, by socket. */
  readonly #answering = new WeakMap<Socket, number>();

  /** What programs are told of STUN: the doctor asks there. */
  readonly #stun: { readonly stun_port?: number };
  /** RFC 6797 section 6.1; undefined: not sent. */
  readonly #transportSecurity: string | undefined;

  constructor(parts: RoutesParts, { showVersion, hstsMaxAgeSeconds, securityContact, stunPort }: RoutesOptions) {
    this.#tryIt = parts.tryIt;
    this.#polling = parts.polling;
    this.#admin = parts.admin;
    this.#dialects = parts.dialects;
    this.#pace = parts.pace;
    this.#stun = stunPort === 0 ? {} : { stun_port: stunPort };
    this.#transportSecurity = hstsMaxAgeSeconds === 0 ? undefined : `max-age=${hstsMaxAgeSeconds}`;
    const version = (): Version => (showVersion ? { version: parts.figures().version } : {});
    const routes = new Map<string, Page>([
      ["/", (request) => this.#root(request, version())],
      ["/health", () => health(parts.figures(), version())],
      ["/ready", () => ready(parts.readiness(), parts.figures())],
      ["/stats", (request) => stats(parts.figures(), version(), parts.admin?.details(request))],
      ["/hello", helloPage],
    ]);
    if (securityContact !== "")
      routes.set("/.well-known/security.txt", () => securityTxt(securityContact, parts.figures().epochMs));
    this.#routes = routes;
  }

  /** Whether an earlier request of this socket is still being answered: its answer must not end up among frames. */
  isAnswering(socket: Socket): boolean {
    return (this.#answering.get(socket) ?? 0) > 0;
  }

  /** Takes a `request` event of the HTTP server. @param mayStay else its connection has no time for a long body. */
  handle(request: IncomingMessage, response: ServerResponse, { mayStay }: { readonly mayStay: boolean }): void {
    const { socket } = request;
    this.#answering.set(socket, (this.#answering.get(socket) ?? 0) + 1);
    response.once("close", () => this.#answering.set(socket, (this.#answering.get(socket) ?? 1) - 1));
    // RFC 6797 section 7.2: not where it could be anybody's word.
    if (this.#transportSecurity !== undefined && socket instanceof TLSSocket)
      response.setHeader("strict-transport-security", this.#transportSecurity);
    if (this.#polling?.handle(request, response) === true) return;
    const answer = this.#answerTo(request, response);
    if (!(answer instanceof Promise)) {
      writeAnswer(request, response, answer);
      return;
    }
    if (hasBody(request))
      keepToPace(request, { ...this.#pace, isEarning: mayStay }, () => {
        if (!response.headersSent) writeAnswer(request, response, text(408, "Request Timeout"));
      });
    void writeLate(request, response, answer);
  }

  /** A page for people, JSON for programs. */
  #root(request: IncomingMessage, version: Version): Answer {
    const vary = { vary: "accept" };
    if (request.headers.accept?.includes("text/html")) {
      const page = this.#tryItFor(targetOf(request))?.document(version.version) ?? text(404, NO_PAGE);
      return { ...page, headers: { ...page.headers, ...vary } };
    }
    const endpoints = { relay: "/", health: "/health", ready: "/ready", stats: "/stats" };
    const names = {
      error: "This is a WebSocket relay endpoint",
      service: "postern",
      ...version,
      endpoints,
      ...this.#stun,
    };
    return { ...json(200, names), headers: vary };
  }

  #tryItFor(target: Target): TryItRoutes | undefined {
    return this.#dialects?.isApart(target) ? undefined : this.#tryIt;
  }

  #answerTo(request: IncomingMessage, response: ServerResponse): Answer | Promise<Answer> {
    const target = targetOf(request);
    const { path } = target;
    const form = this.#admin?.form(path);
    if (form !== undefined && request.method === "POST") return form(request);
    const methods = this.#dialects?.methodsAt(target) ?? [];
    if (this.#dialects !== undefined && methods.includes(request.method ?? ""))
      return this.#dialects.answer(request, target);
    // No other route reads a body; closing is what stops a stranger from sending one without end.
    if (hasBody(request)) response.shouldKeepAlive = false;
    const route = this.#routes.get(path) ?? this.#tryItFor(target)?.file(path) ?? this.#admin?.page(path);
    if (route !== undefined && (request.method === "GET" || request.method === "HEAD"))
      return hasBody(request) ? text(413, "Payload Too Large") : route(request);
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
  if (answer.afterwards !== undefined) {
    if (response.closed) answer.afterwards();
    else response.once("close", answer.afterwards);
  }
  response.end(request.method === "HEAD" ? undefined : body);
}

/** Never rejects. */
async function writeLate(request: IncomingMessage, response: ServerResponse, answer: Promise<Answer>): Promise<void> {
  try {
    const late = await answer;
    if (!response.headersSent) writeAnswer(request, response, late);
    else late.afterwards?.();
  } catch {
    // What fails here is the reading of a body whose sender is gone, or was too slow.
    response.destroy();
  }
}

/** Whether a request announces a body. */
export function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

/** Empty where it is not told. */
type Version = { readonly version?: string };

/**
 * The keys that the health checks of all five original systems look for; what this relay does not carry yet counts 0. Pages
 * of any site may read it: a monitor, or an app that asks whether the relay can be reached (Fetch standard, CORS protocol).
 */
function health(figures: RelayFigures, version: Version): Answer {
  const keys = {
    status: "healthy",
    ...version,
    uptime_seconds: Math.trunc(figures.uptimeSeconds),
    uptime: figures.uptimeSeconds,
    blob_count: 0,
    topics: figures.topics,
    peers: figures.peers,
    meshes: 0,
    connections: figures.connections,
    registered_meshes: 0,
    sessions: 0,
    ...figures.dialects.health,
    timestamp: figures.epochMs / 1000,
  };
  return { ...json(200, keys), headers: { "access-control-allow-origin": "*" } };
}

function ready(readiness: Readiness, figures: RelayFigures): Answer {
  return json(readiness === "ready" ? 200 : 503, { status: readiness, ...certificate(figures) });
}

/** Without TLS there is no such key. */
function certificate({ certificate: status, epochMs }: RelayFigures): object {
  return status === undefined ? {} : { certificate: statusJson(status, epochMs) };
}

function stats(figures: RelayFigures, version: Version, details: Details): Answer {
  if (details !== undefined && "refusal" in details) return details.refusal;
  return json(200, {
    ...version,
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
    ...figures.dialects.stats,
    ...certificate(figures),
    ...details,
  });
}
