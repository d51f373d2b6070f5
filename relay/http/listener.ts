import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer as createHttpsServer, type ServerOptions as HttpsOptions } from "node:https";
import type { Socket } from "node:net";
import type { SecureContext, TLSSocket } from "node:tls";
import type { Clock } from "../clock.ts";
import { listenError } from "../listen-error.ts";
import { ListenFailure, type Listening, listenOn } from "../listen-on.ts";
import { createServer as createHttpServer } from "../node-http.ts";
import { ACME_PROTOCOL } from "../tls/alpn-challenges.ts";
import type { TlsMaterial } from "../tls/material.ts";
import { createTicketKeys, postureFor } from "../tls/posture.ts";
import { answerBrokenRequests } from "./broken-requests.ts";
import { descriptorsFor } from "./descriptors.ts";

/** Headers of one request in all: browsers behind single sign-on send cookies of some KiB. */
const MAX_HEADER_BYTES = 16_384;
/** How often Node looks for requests over their time. */
const TIMEOUT_CHECK_MS = 1000;

/** The certificates by which an authority asks whether the relay has a name (RFC 8737). */
type Challenges = { contextFor(servername: string): SecureContext | undefined };

/** What tunes the listener. */
export type ListenerOptions = {
  /** Undefined serves plain HTTP. */
  readonly tls: { readonly material: TlsMaterial; readonly challenges: Challenges } | undefined;
  readonly maxConnections: number;
  readonly maxHttpConnections: number;
  /** How many ports the relay has for clients; left out: this one. */
  readonly portCount?: number;
  readonly handshakeTimeoutMs: number;
  /** How long a connection may wait for its next request. */
  readonly keepAliveTimeoutMs: number;
};

/** The one server that carries everything, and the ways to give it other keys. */
export type Listener = {
  readonly server: Server;
  /** From now on new connections get this certificate; those that are open, and the port, are left alone. */
  readonly renew: (material: TlsMaterial) => void;
  /** Forgets the keys of the tickets given so far: who comes back with one makes a whole handshake. */
  readonly changeTicketKeys: () => void;
};

/** Makes the server with its limits on headers, time and sockets. It does not listen yet. */
export function createListener({ tls, handshakeTimeoutMs, keepAliveTimeoutMs, ...limits }: ListenerOptions): Listener {
  const http = {
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: handshakeTimeoutMs,
    // A body may take as long as it comes on: who reads it sees to that (body-pace.ts).
    requestTimeout: 0,
    keepAliveTimeout: keepAliveTimeoutMs,
    connectionsCheckingInterval: Math.min(TIMEOUT_CHECK_MS, handshakeTimeoutMs),
    noDelay: true,
  };
  const listener =
    tls === undefined
      ? { server: createHttpServer(http), renew: () => undefined, changeTicketKeys: () => undefined }
      : createTlsServer(tls.material, tls.challenges, { ...http, handshakeTimeout: handshakeTimeoutMs });
  const { server } = listener;
  server.maxConnections = descriptorsFor(limits).clientSockets;
  server.maxRequestsPerSocket = 1000;
  answerBrokenRequests(server);
  return listener;
}

function createTlsServer(material: TlsMaterial, challenges: Challenges, options: HttpsOptions): Listener {
  let ticketKeys = createTicketKeys();
  const server = createHttpsServer({
    ...options,
    ...postureFor(material, ticketKeys),
    // Not an SNICallback: with TLS 1.3 that would come later and undo the choice. `this` is the connection.
    ALPNCallback(this: TLSSocket, { servername, protocols }) {
      if (!protocols.includes(ACME_PROTOCOL)) return protocols.find((protocol) => protocol === "http/1.1");
      const context = challenges.contextFor(servername);
      if (context === undefined) return undefined;
      this.setKeyCert(context);
      return ACME_PROTOCOL;
    },
  });
  keepChallengesFromHttp(server);
  return {
    server,
    renew: (next) => server.setSecureContext(postureFor(next, ticketKeys)),
    changeTicketKeys: () => {
      ticketKeys = createTicketKeys();
      server.setTicketKeys(ticketKeys);
    },
  };
}

/** RFC 8737 section 3: once the authority has seen the certificate, the connection has done its work. */
function keepChallengesFromHttp(server: Server): void {
  const listeners = server.listeners("secureConnection");
  server.removeAllListeners("secureConnection");
  server.on("secureConnection", (socket: TLSSocket) => {
    if (socket.alpnProtocol === ACME_PROTOCOL) {
      socket.on("error", () => undefined);
      // Not `destroy`: with TLS 1.2 the end of the handshake is still on its way out.
      socket.destroySoon();
      return;
    }
    for (const listener of listeners) Reflect.apply(listener, server, [socket]);
  });
}

/** Where the server is to listen. */
export type ListenAddress = {
  readonly host: string;
  readonly port: number;
  /** Whether the operator chose the port. */
  readonly isPortChosen: boolean;
  /** Share the port with other processes that do the same: docs/operations.md#several-cores. */
  readonly reusePort: boolean;
  /** What an operator chooses it with; left out: PORT. */
  readonly chosenWith?: { readonly option: string; readonly flag: string };
};

/** The port that anyone may bind, taken when 443 is not permitted and no port was chosen. */
const UNPRIVILEGED_PORT = 8443;

/**
 * Starts listening.
 * @returns where: the port asked for, a free one for 0, or 8443 where 443 is not permitted and was not chosen; `0.0.0.0` for
 * `::` where there is no IPv6.
 * @throws RelayError PORT_IN_USE, PORT_NOT_PERMITTED, ADDRESS_NOT_AVAILABLE or LISTEN_FAILED, with the fix in its message.
 */
export async function listen(server: Server, address: ListenAddress): Promise<Listening> {
  const { host, port, reusePort } = address;
  try {
    return await listenOn(server, { host, port, reusePort });
  } catch (error) {
    if (!(error instanceof ListenFailure)) throw error;
    if (error.code !== "EACCES" || address.isPortChosen) {
      const { option = "PORT", flag = "--port" } = address.chosenWith ?? {};
      throw listenError(error, { host, port, transport: "TCP", option, flag });
    }
    return listen(server, { ...address, port: UNPRIVILEGED_PORT, isPortChosen: true });
  }
}

/** How long those who have come may take to get their answers. */
type Patience = { readonly clock: Clock; readonly durationMs: number };

/** All TCP connections of a server, and the port that they come by. */
export type FollowedSockets = {
  /** Resolves when the port is free and nobody was left at it: who had come is served. Those that are open go on. */
  readonly stopListening: (patience: Patience) => Promise<void>;
  /**
   * Stops listening, lets those who have come get their answers, without patience at once, and ends the rest; resolves
   * when the port is free and all are gone.
   */
  readonly end: (patience?: Patience) => Promise<void>;
};

/** A port is quiet when for so long, and in so many turns of the event loop, nobody came: who was answered may come back. */
const QUIET_MS = 25;
const QUIET_TURNS = 1000;
/** It is so in any case after so many: a relay on a clock that stands still has to stop too. */
const MAX_QUIET_TURNS = 20_000;
/** A turn so short that hardly anybody can have come behind its look at the port. */
const SHORT_TURN_MS = 0.25;
/** Who has come waits so long at most, where newcomers never stop: on a port that is shared they do not. */
const MAX_CLOSING_MS = 1000;

/**
 * Follows the TCP connections of a server, whatever has become of them: Node's own lists know neither those in the
 * middle of a TLS handshake nor those that were upgraded.
 */
export function followSockets(server: Server): FollowedSockets {
  const sockets = new Set<Socket>();
  const forget = function (this: Socket): void {
    sockets.delete(this);
  };
  const follow = (socket: Socket): void => {
    sockets.add(socket);
    socket.once("close", forget);
  };
  const destroyAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  server.on("connection", follow);
  return {
    stopListening: (patience) => closeBehindTheLast(server, patience),
    async end(patience) {
      const timer = patience?.clock.after(patience.durationMs, destroyAll);
      server.prependListener("request", closeBehind);
      if (patience !== undefined) await closeBehindTheLast(server, patience);
      const { promise: gone, resolve } = Promise.withResolvers<void>();
      server.close(() => resolve());
      if (timer === undefined) destroyAll();
      await gone;
      timer?.cancel();
    },
  };
}

/**
 * Who still waits to be accepted when the port closes is reset. The event loop accepts one in a turn, so nobody who is
 * accepted now is served before the port is closed: then turns are short, and soon nobody comes any more.
 */
async function closeBehindTheLast(server: Server, { clock, durationMs }: Patience): Promise<void> {
  if (!server.listening) return;
  const listeners = server.listeners("connection");
  const waiting: Socket[] = [];
  server.removeAllListeners("connection");
  server.on("connection", (socket: Socket) => {
    socket.on("error", ignoreError);
    waiting.push(socket);
  });
  const giveUpAtMs = clock.monotonicMs() + Math.min(durationMs / 2, MAX_CLOSING_MS);
  let quietTurns = 0;
  let cameAtMs = clock.monotonicMs();
  for (let turnMs = cameAtMs, nowMs = turnMs; nowMs < giveUpAtMs; turnMs = nowMs) {
    const before = waiting.length;
    await nextTurn();
    nowMs = clock.monotonicMs();
    if (waiting.length > before) [quietTurns, cameAtMs] = [0, nowMs];
    else quietTurns += 1;
    const isQuiet = nowMs - cameAtMs >= QUIET_MS || quietTurns >= MAX_QUIET_TURNS;
    if (isQuiet && quietTurns >= QUIET_TURNS && nowMs - turnMs <= SHORT_TURN_MS) break;
  }
  server.close();
  for (const socket of waiting) {
    socket.removeListener("error", ignoreError);
    if (!socket.destroyed) for (const listener of listeners) Reflect.apply(listener, server, [socket]);
  }
}

/** Node closes the connections that are idle at the end, once: on any other, asking could go on for ever. */
function closeBehind(_request: IncomingMessage, response: ServerResponse): void {
  response.shouldKeepAlive = false;
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

function ignoreError(): void {
  // Node destroys the socket after this event; its close tells the rest.
}
