import type { IncomingMessage } from "node:http";
import type { Logger } from "pino";
import type { Route } from "../session/ports.ts";
import { type Answer, text } from "./answer.ts";

/** The pages that dialects have for plain HTTP: finds them, and reads what is sent to them. */
export class DialectRoutes {
  readonly #routes: readonly Route[];
  readonly #log: Logger;

  constructor(routes: readonly Route[], log: Logger) {
    this.#routes = routes;
    this.#log = log;
  }

  /** The methods that are taken at this path; empty: there is nothing here. */
  methodsAt(path: string): readonly string[] {
    const methods: readonly string[] = this.#routes.filter((route) => route.path === path).map(({ method }) => method);
    return methods.includes("GET") ? ["HEAD", ...methods] : methods;
  }

  /** Answers a request whose path and method are among them. Rejects where its sender is gone before its body has come. */
  async answer(request: IncomingMessage, path: string): Promise<Answer> {
    const method = request.method === "HEAD" ? "GET" : request.method;
    const route = this.#routes.find((candidate) => candidate.path === path && candidate.method === method);
    if (route === undefined) return text(404, "Not Found");
    const body = await readBody(request, route.maxBodyBytes);
    if (body === undefined) return text(413, "Payload Too Large");
    const query = new URLSearchParams((request.url ?? "").split("?").slice(1).join("?"));
    const header = (name: string): string | undefined => {
      const value = request.headers[name];
      return Array.isArray(value) ? value.join(", ") : value;
    };
    try {
      return await route.answer({ method: route.method, path, query, header, body });
    } catch (error) {
      // Routes do not reject: a defect of this one is not to take others with it.
      this.#log.error({ method: route.method, path, err: error }, "route failed");
      return text(500, "Internal Server Error");
    }
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
