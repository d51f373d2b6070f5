import { type IncomingMessage, Agent as PlainAgent, request as requestPlain } from "node:http";
import { request as requestTls, Agent as TlsAgent } from "node:https";
import type { HttpAnswer, HttpQuestion, HttpRequest } from "../polling/http-request.ts";
import { explained } from "./explained.ts";
import { type NodeDialOptions, trustOptions } from "./node-socket.ts";
import { sendWhenTrusted } from "./pinned.ts";

/** Two polls and two uploads. */
const MAX_SOCKETS = 4;
/** As much as a batch may have, and room. */
const MAX_ANSWER_BYTES = 4_194_304;

/** Sends requests with `node:https`, which takes the same trust as the WebSocket, and the same way. */
export function nodeRequest(options: NodeDialOptions = {}): HttpRequest {
  const kept = { keepAlive: true, maxSockets: MAX_SOCKETS };
  let agent = options.agent;
  return (question) => {
    const isTls = question.url.startsWith("https:");
    agent ??= isTls ? new TlsAgent(kept) : new PlainAgent(kept);
    return ask(question, { ...options, agent });
  };
}

function ask({ method, url, headers, body, signal }: HttpQuestion, options: NodeDialOptions): Promise<HttpAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>();
  const { hostname, protocol } = new URL(url);
  const isTls = protocol === "https:";
  const length = body === undefined ? {} : { "content-length": body.length };
  const request = (isTls ? requestTls : requestPlain)(url, {
    ...trustOptions(options, isTls),
    agent: options.agent,
    method,
    headers: { ...headers, ...length },
    signal,
  });
  const fail = (cause: Error): void => {
    request.destroy();
    reject(cause);
  };
  request.on("error", (error) => reject(explained(error, hostname)));
  request.on("response", (response) => void readAnswer(response).then(resolve, fail));
  sendWhenTrusted(request, options.fingerprint, fail, body);
  return promise;
}

async function readAnswer(response: IncomingMessage): Promise<HttpAnswer> {
  const chunks: Buffer[] = [];
  let byteCount = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    byteCount += chunk.length;
    if (byteCount > MAX_ANSWER_BYTES) throw new Error("the answer is larger than a relay's may be");
    chunks.push(chunk);
  }
  return {
    status: response.statusCode ?? 0,
    header: (name) => {
      const value = response.headers[name];
      return Array.isArray(value) ? value.join(", ") : value;
    },
    body: Buffer.concat(chunks),
  };
}
