import { Agent, type IncomingMessage, request } from "node:http";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type HttpAnswer, type HttpQuestion, type HttpRequest, RefusedRequest } from "../polling/http-request.ts";
import type { Dialler } from "./dialler.ts";
import { explained } from "./explained.ts";
import { ProxyError } from "./proxies/proxy-error.ts";

/** Two polls and two uploads. */
const MAX_SOCKETS = 4;
/** As much as a batch may have, and room. */
const MAX_ANSWER_BYTES = 4_194_304;
/** Whoever asked may be gone by then, and the connection is there for the next. */
const DIAL_TIMEOUT_MS = 15_000;

/** Sends requests over the connections of a dialler, by the same proxies and with the same trust as the WebSocket; and keeps some for the next. */
export function nodeRequest(dialler: Pick<Dialler, "openSocket">): HttpRequest {
  const agents = new Map<string, DialledAgent>();
  return (question) => {
    const { origin } = new URL(question.url);
    const agent = agents.get(origin) ?? new DialledAgent(dialler, new URL(origin));
    agents.set(origin, agent);
    return ask(agent, question);
  };
}

type Done = (error: Error | null, stream: Duplex) => void;

/** Keeps connections to one origin. TLS is the dialler's: for the agent they are plain. */
class DialledAgent extends Agent {
  readonly #dialler: Pick<Dialler, "openSocket">;
  readonly #origin: URL;

  constructor(dialler: Pick<Dialler, "openSocket">, origin: URL) {
    super({ keepAlive: true, maxSockets: MAX_SOCKETS });
    this.#dialler = dialler;
    this.#origin = origin;
  }

  override createConnection(_: unknown, done: Done): undefined {
    void this.#connect(done);
    return undefined;
  }

  async #connect(done: Done): Promise<void> {
    const opened = await this.#dialler
      .openSocket(this.#origin, AbortSignal.timeout(DIAL_TIMEOUT_MS))
      .catch((error: unknown) => explained(error, this.#origin.hostname));
    // With a failure goes no socket, whatever the types of Node say.
    if (opened instanceof Error) done(opened, new Socket());
    else done(null, opened);
  }
}

async function ask(agent: Agent, { url, method, headers, body, signal }: HttpQuestion): Promise<HttpAnswer> {
  const { host, hostname, pathname, search } = new URL(url);
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const sent = request(
    { agent, method, signal, host: hostname, path: `${pathname}${search}`, headers: { host, ...headers } },
    resolve,
  );
  sent.on("error", reject);
  sent.end(body);
  try {
    const response = await promise;
    return {
      status: response.statusCode ?? 0,
      header: (name) => response.headersDistinct[name]?.join(", "),
      body: await bodyOf(response),
    };
  } catch (error) {
    throw error instanceof ProxyError ? new RefusedRequest(error) : explained(error, hostname);
  }
}

async function bodyOf(response: IncomingMessage): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let byteCount = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    byteCount += chunk.length;
    if (byteCount > MAX_ANSWER_BYTES) throw new Error("the answer is larger than a relay's may be");
  }
  return Buffer.concat(chunks);
}
