import type { Server } from "node:http";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type TLSSocket, Server as TlsServer } from "node:tls";

/** What OpenSSL says of plain HTTP where TLS should begin. */
const PLAIN_HTTP_CODES: ReadonlySet<string> = new Set(["ERR_SSL_HTTP_REQUEST", "ERR_SSL_HTTPS_PROXY_REQUEST"]);
const PLAIN_HTTP_TEXT = "This port speaks TLS: use https:// or wss:// in place of http:// or ws://";

/** Tells clients what was wrong with a request that never became one (RFC 9110 section 15.5). */
export function answerBrokenRequests(server: Server): void {
  const handshakes = new Handshakes(server);
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Duplex) => {
    const { code = "" } = error;
    if (PLAIN_HTTP_CODES.has(code)) refuse(handshakes.socketUnder(socket), "400 Bad Request", PLAIN_HTTP_TEXT);
    // Only where HTTP itself failed: on a socket whose TLS handshake failed an answer would never be sent, and it would
    // stay open waiting for that.
    else refuse(socket, statusOf(code));
  });
}

/** The TCP sockets on which a TLS handshake is under way: a server tells of the TLS sockets, and they do not tell theirs. */
class Handshakes {
  readonly #sockets = new Map<string, Socket>();

  constructor(server: Server) {
    if (!(server instanceof TlsServer)) return;
    server.on("connection", (socket: Socket) => {
      const key = keyOf(socket);
      this.#sockets.set(key, socket);
      socket.once("close", () => this.#forget(key, socket));
    });
    server.on("secureConnection", (socket: TLSSocket) => this.#sockets.delete(keyOf(socket)));
  }

  /** The socket is left as it was when its handshake failed: what is written to it goes out as it is. */
  socketUnder(socket: Duplex): Duplex {
    return (socket instanceof Socket ? this.#sockets.get(keyOf(socket)) : undefined) ?? socket;
  }

  #forget(key: string, socket: Socket): void {
    // The same two ends may have a new connection by now.
    if (this.#sockets.get(key) === socket) this.#sockets.delete(key);
  }
}

function keyOf({ remoteAddress, remotePort, localAddress }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress}`;
}

/** @param status undefined: there is nothing to say. */
function refuse(socket: Duplex, status: string | undefined, text = status?.slice(4)): void {
  if (status === undefined || !socket.writable) {
    socket.destroy();
    return;
  }
  socket.on("error", () => undefined);
  socket.once("finish", () => socket.destroy());
  // A whole answer: a bare one is what scanners take media receivers by.
  const body = `${text}\n`;
  socket.end(
    `HTTP/1.1 ${status}\r\nDate: ${new Date().toUTCString()}\r\nConnection: close\r\n` +
      `Content-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

/** HPE_* are the codes of Node's HTTP parser. */
function statusOf(code: string): string | undefined {
  if (code === "HPE_HEADER_OVERFLOW") return "431 Request Header Fields Too Large";
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return "408 Request Timeout";
  return code.startsWith("HPE_") ? "400 Bad Request" : undefined;
}
