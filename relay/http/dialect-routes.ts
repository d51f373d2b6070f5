import type { IncomingMessage } from "node:http";
import type { Logger } from "pino";
import type { Route, Target } from "../session/ports.ts";
import { type Answer, text } from "./answer.ts";

/** Where pages are. Implemented by relay/session/dialects.ts. */
type Finder = {
  routesAt(target: Target): readonly { readonly route: Route; readonly path: string }[];
  /** Whether an address is for some dialects alone. */
  isApart(target: Target): boolean;
};

/** Who asks. Implemented by relay/entrance/. */
type Visitors = {
  /** "": it is gone. */
  clientOf(request: IncomingMessage): string;
  /** Whether it might open a connection, as far as its address and its page's site go. */
  mayAsk(request: IncomingMessage): boolean;
  /** Whether the request's grant permits to join this. Never rejects. */
  permits(request: IncomingMessage, topicName: string): Promise<boolean>;
};

/** What it uses. */
export type DialectRoutesParts = { readonly finder: Finder; readonly visitors: Visitors; readonly log: Logger };

/** The pages that dialects have for plain HTTP: finds them, and reads what is sent to them. */
export class DialectRoutes {
  readonly #parts: DialectRoutesParts;

  constructor(parts: DialectRoutesParts) {
    this.#parts = parts;
  }

  /** Whether an address is for some dialects alone: the relay shows no page of its own to people there. */
  isApart(target: Target): boolean {
    return this.#parts.finder.isApart(target);
  }

  /** The methods that are taken here; empty: there is nothing here. */
  methodsAt(target: Target): readonly string[] {
    const methods: readonly string[] = this.#parts.finder.routesAt(target).map(({ route }) => route.method);
    return methods.includes("GET") ? ["HEAD", ...methods] : methods;
  }

  /** Answers a request whose path and method are among them. Rejects where its sender is gone before its body has come. */
  async answer(request: IncomingMessage, target: Target): Promise<Answer> {
    const method = request.method === "HEAD" ? "GET" : request.method;
    const found = this.#parts.finder.routesAt(target).find(({ route }) => route.method === method);
    if (found === undefined) return text(404, "Not Found");
    const { route, path } = found;
    // Before anything is waited for: a request that has ended meanwhile has no body to give any more.
    const body = await readBody(request, route.maxBodyBytes);
    if (body === undefined) return text(413, "Payload Too Large");
    const refusal = await this.#refusalOf(request, route);
    if (refusal !== undefined) return refusal;
    const query = new URLSearchParams((request.url ?? "").split("?").slice(1).join("?"));
    const header = (name: string): string | undefined => {
      const value = request.headers[name];
      return Array.isArray(value) ? value.join(", ") : value;
    };
    const clientAddress = this.#parts.visitors.clientOf(request);
    try {
      return await route.answer({ method: route.method, path, query, header, body, clientAddress });
    } catch (error) {
      // Routes do not reject: a defect of this one is not to take others with it.
      this.#parts.log.error({ method: route.method, path, err: error }, "route failed");
      return text(500, "Internal Server Error");
    }
  }

  async #refusalOf(request: IncomingMessage, { permittedBy }: Route): Promise<Answer | undefined> {
    const { visitors } = this.#parts;
    if (permittedBy === undefined) return undefined;
    if (!visitors.mayAsk(request)) return text(403, "Forbidden");
    if (await visitors.permits(request, permittedBy)) return undefined;
    // RFC 6750 section 3.
    return { ...text(401, "Unauthorized"), headers: { "www-authenticate": "Bearer" } };
  }
}

/** Undefined where it is longer than it may be; then it was not read to its end. */
async function readBody(request: IncomingMessage, maxBodyBytes: number): Promise<Buffer | undefined> {
  if (Number(request.headers["content-length"] ?? 0) > maxBodyBytes) return undefined;
  const chunks: Buffer[] = [];
  let byteCount = 0;
  for await (const chunk of request) {
    if (!(chunk instanceof Buffer)) continue;
    byteCount += chunk.length;
    if (byteCount > maxBodyBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
