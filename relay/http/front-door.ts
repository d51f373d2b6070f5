import type { IncomingMessage, ServerResponse as Response, Server } from "node:http";
import { ServerResponse } from "../node-http.ts";
import { toOriginForm } from "../request-target.ts";
import { text } from "./answer.ts";
import { hasBody, type Routes, writeAnswer } from "./routes.ts";

/** Who takes what comes in. */
export type FrontDoorParts = {
  readonly routes: Routes;
  readonly entrance: {
    /** Takes a request to become a WebSocket. */
    upgrade(request: IncomingMessage, head: Buffer): void;
    /** Answers a request that was one before something on the way took its Upgrade. @returns whether it was. */
    answerStripped(request: IncomingMessage, response: Response): boolean;
    /** Counts the connection of a plain request. @returns whether it may stay. */
    requested(request: IncomingMessage): boolean;
  };
};

/** What the events of the relay's server lead to. */
export function openFrontDoor(server: Server, { routes, entrance }: FrontDoorParts): void {
  server.on("request", (request, response) => {
    toOriginForm(request);
    const mayStay = entrance.requested(request);
    if (!mayStay) response.shouldKeepAlive = false;
    if (!entrance.answerStripped(request, response)) routes.handle(request, response, { mayStay });
  });
  server.on("upgrade", (request, _, head: Buffer) => {
    toOriginForm(request);
    if (routes.isAnswering(request.socket)) request.socket.destroy();
    else if (asksForWebSocket(request)) entrance.upgrade(request, head);
    else answerPlainly(request, routes);
  });
  // It is no proxy; without a word, the client would take it for one that is broken.
  server.on("connect", (request) => {
    const answer = { ...text(405, "Method Not Allowed"), headers: { allow: "GET, HEAD" } };
    if (routes.isAnswering(request.socket)) request.socket.destroy();
    else writeAnswer(request, lastResponse(request), answer);
  });
}

/** RFC 9110 section 7.8: what is offered is no demand, and HTTP/1.0 has no upgrade. */
function asksForWebSocket({ headers, httpVersion }: IncomingMessage): boolean {
  return httpVersion === "1.1" && /(?:^|,)\s*websocket\s*(?:,|$)/i.test(headers.upgrade ?? "");
}

/** The offer of another protocol, such as h2c, is passed over. */
function answerPlainly(request: IncomingMessage, routes: Routes): void {
  const response = lastResponse(request);
  if (hasBody(request)) writeAnswer(request, response, text(413, "Payload Too Large"));
  else routes.handle(request, response, { mayStay: false });
}

/** Where Node has let go of the socket, as with every upgrade: the connection ends with this answer. */
function lastResponse(request: IncomingMessage): Response {
  const { socket } = request;
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket);
  response.once("finish", () => socket.destroySoon());
  socket.on("error", () => socket.destroy());
  return response;
}
