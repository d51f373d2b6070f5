import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { Clock } from "../../clock.ts";
import { VERSION } from "../../version.ts";
import { ProblemError, readProblem, UnreachableError } from "./acme-error.ts";
import { wait, withTimeout } from "./wait.ts";

/** What a CA sends is some KiB. */
const MAX_ANSWER_BYTES = 1_048_576;
const REQUEST_TIMEOUT_MS = 30_000;

/** An answer of the CA, in the form that acme-client expects. */
export type Answer = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** An object or array where the answer is JSON, else its text. */
  readonly data: unknown;
};

/** What a request carries besides its URL; `data` is sent as JSON. */
export type RequestOptions = { readonly headers?: Readonly<Record<string, string>>; readonly data?: unknown };

/** What tunes a transport. */
export type TransportOptions = {
  readonly ca: string;
  readonly signal: AbortSignal;
  readonly retryDelaysMs: readonly number[];
};

/**
 * HTTPS to one CA. In the place of acme-client's own, which shares its settings between all clients of a process, cannot be
 * given up, and reports an error as nothing but a sentence.
 */
export class Transport {
  readonly #clock: Clock;
  readonly #ca: string | undefined;
  readonly #signal: AbortSignal;
  readonly #retryDelaysMs: readonly number[];

  /**
   * @param options.ca a PEM that is trusted in place of the public roots; "" for none.
   * @param options.signal gives up everything that is under way.
   * @param options.retryDelaysMs before a request is sent again that met a fault of the network, or a CA that restarts.
   */
  constructor(clock: Clock, options: TransportOptions) {
    this.#clock = clock;
    this.#ca = options.ca === "" ? undefined : options.ca;
    this.#signal = options.signal;
    this.#retryDelaysMs = options.retryDelaysMs;
  }

  /**
   * @returns the answer, where its status is below 400 or it says `badNonce`, which acme-client deals with.
   * @throws ProblemError for any other answer, UnreachableError where there is none.
   */
  async request(url: string, method: string, options: RequestOptions = {}): Promise<Answer> {
    for (const delayMs of this.#retryDelaysMs) {
      try {
        return await this.#requestOnce(url, method, options);
      } catch (error) {
        if (!isPassing(error) || this.#signal.aborted) throw error;
      }
      await wait(this.#clock, delayMs, this.#signal);
    }
    return this.#requestOnce(url, method, options);
  }

  async #requestOnce(url: string, method: string, options: RequestOptions): Promise<Answer> {
    const answer = await withTimeout(this.#clock, REQUEST_TIMEOUT_MS, this.#signal, (signal) =>
      this.#exchange(url, method, options, signal),
    );
    if (answer.status < 400) return answer;
    const problem = readProblem(answer.data);
    if (problem.type === "badNonce") return answer;
    throw new ProblemError(answer.status, problem, retryAfterMs(answer.headers, this.#clock.epochMs()));
  }

  #exchange(url: string, method: string, { headers, data }: RequestOptions, signal: AbortSignal): Promise<Answer> {
    const body = data === undefined ? undefined : JSON.stringify(data);
    return new Promise((resolve, reject) => {
      const fail = (error: NodeJS.ErrnoException) => reject(unreachable(url, error));
      const request = httpsRequest(
        url,
        {
          method: method.toUpperCase(),
          headers: { "user-agent": `postern/${VERSION}`, ...headers, ...lengthOf(body) },
          ca: this.#ca,
          // A pool would keep a connection to a CA that is asked again in two months.
          agent: false,
          signal,
        },
        (message) => {
          readBody(message).then((text) => resolve(answerOf(message, text)), fail);
        },
      );
      request.on("error", fail);
      request.end(body);
    });
  }
}

function lengthOf(body: string | undefined): Readonly<Record<string, string>> {
  return body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
}

async function readBody(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let byteCount = 0;
  for await (const chunk of message) {
    if (!Buffer.isBuffer(chunk)) continue;
    byteCount += chunk.length;
    if (byteCount > MAX_ANSWER_BYTES) throw new Error("the answer is longer than 1 MiB");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function answerOf(message: IncomingMessage, text: string): Answer {
  const isJson = /\bjson\b/.test(message.headers["content-type"] ?? "");
  return { status: message.statusCode ?? 0, headers: message.headers, data: isJson ? parsed(text) : text };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function unreachable(url: string, error: NodeJS.ErrnoException): UnreachableError {
  const code = error.code ?? "";
  const reason = error.name === "AbortError" ? "no answer in time" : error.message || code;
  return new UnreachableError(code, `No answer from ${new URL(url).host}: ${reason}`, { cause: error });
}

/** Trouble of the CA or on the way to it passes; what is wrong with a certificate does not. */
function isPassing(error: unknown): boolean {
  if (error instanceof UnreachableError) return !/CERT|SIGNATURE|ISSUER/.test(error.code);
  return error instanceof ProblemError && error.status >= 500 && error.retryAfterMs === undefined;
}

/** RFC 9110 section 10.2.3: seconds, or a date. @returns undefined where there is none, or it has passed. */
export function retryAfterMs(headers: IncomingHttpHeaders, nowMs: number): number | undefined {
  const value = headers["retry-after"] ?? "";
  const delayMs = /^\d{1,9}$/.test(value) ? Number(value) * 1000 : Date.parse(value) - nowMs;
  return delayMs > 0 ? delayMs : undefined;
}
