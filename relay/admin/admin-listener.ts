import { followSockets, listen } from "../http/listener.ts";
import type { Routes } from "../http/routes.ts";
import { createServer } from "../node-http.ts";
import { RelayError } from "../relay-error.ts";

/** A few browsers and scrapers, and their connections that are kept. */
const MAX_SOCKETS = 64;
const MAX_HEADER_BYTES = 16_384;

/** Where the admin pages have a port of their own. */
export type AdminListenerOptions = {
  readonly adminHost: string;
  readonly adminPort: number;
  readonly handshakeTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
};

/** The port of the admin pages: plain HTTP, no WebSocket. */
export type AdminListener = { readonly port: number; readonly close: () => Promise<void> };

/** Opens it. @throws RelayError where the port cannot be had. */
export async function openAdminListener(
  { adminHost, adminPort, handshakeTimeoutMs, keepAliveTimeoutMs }: AdminListenerOptions,
  routes: Routes,
): Promise<AdminListener> {
  const server = createServer({
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: handshakeTimeoutMs,
    requestTimeout: handshakeTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
  });
  server.maxConnections = MAX_SOCKETS;
  server.on("request", (request, response) => routes.handle(request, response, { mayStay: true }));
  const { end: close } = followSockets(server);
  try {
    const { port } = await listen(server, { host: adminHost, port: adminPort, isPortChosen: true, reusePort: false });
    return { port, close };
  } catch (error) {
    if (!(error instanceof RelayError)) throw error;
    throw new RelayError(error.code, `ADMIN_PORT cannot be opened. ${error.message}`, { cause: error });
  }
}
