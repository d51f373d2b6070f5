import { createHash } from "node:crypto";
import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer, request } from "node:https";
import { createServer } from "node:net";
import { RELAY_ADDRESS, RELAY_NAME } from "../addresses.ts";
import type { BoxRole, TlsFiles } from "../box-roles.ts";

// What stands between a desk and the Internet and is no proxy that one can install: one role, told in its argument as JSON.

/** RFC 6455 section 1.3. */
const WEBSOCKET_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const PAGE = "<!doctype html><title>Example Corp</title><h1>This is not the page that you wanted.</h1>";

function material({ key, certificate }: TlsFiles): { readonly key: string; readonly cert: string } {
  return { key: readFileSync(key, "utf8"), cert: readFileSync(certificate, "utf8") };
}

/** Passes a request on to the relay, and its answer back. */
function passOn(incoming: IncomingMessage, response: ServerResponse, ca: string): void {
  const { method, url: path, headers } = incoming;
  const outgoing = request({ host: RELAY_ADDRESS, servername: RELAY_NAME, method, path, headers, ca }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  outgoing.on("error", () => response.writeHead(502).end());
  incoming.pipe(outgoing);
}

/** Agrees to an upgrade, and gives no frame to anybody. All other requests go to the relay and back. */
function swallow({ port, tls, caFile }: Extract<BoxRole, { role: "swallow" }>): void {
  const ca = readFileSync(caFile, "utf8");
  const server = createTlsServer(material(tls), (incoming, response) => passOn(incoming, response, ca));
  server.on("upgrade", ({ headers }: IncomingMessage, socket) => {
    const accept = createHash("sha1").update(`${headers["sec-websocket-key"]}${WEBSOCKET_GUID}`).digest("base64");
    const protocol = headers["sec-websocket-protocol"];
    const lines = [
      "HTTP/1.1 101 Switching Protocols",
      "Upgrade: websocket",
      "Connection: Upgrade",
      `Sec-WebSocket-Accept: ${accept}`,
      ...(protocol === undefined ? [] : [`Sec-WebSocket-Protocol: ${protocol.split(",")[0]?.trim()}`]),
    ];
    socket.on("error", () => undefined);
    socket.write(`${lines.join("\r\n")}\r\n\r\n`);
    socket.resume();
  });
  server.listen(port);
}

/** Shows a page in the place of every other one: in TLS, or where TLS was wanted. */
function showPage({ port, status, location, tls }: Extract<BoxRole, { role: "page" }>): void {
  const headers = { "content-type": "text/html", ...(location === undefined ? {} : { location }) };
  const answer = (_incoming: IncomingMessage, response: ServerResponse): void => {
    response.writeHead(status, headers).end(PAGE);
  };
  const server = tls === undefined ? createHttpServer(answer) : createTlsServer(material(tls), answer);
  // Node would take the socket out of the hands of `answer`.
  server.on("upgrade", (_incoming: IncomingMessage, socket) => {
    const lines = [
      `HTTP/1.1 ${status} No`,
      "Content-Type: text/html",
      `Content-Length: ${PAGE.length}`,
      "Connection: close",
    ];
    if (location !== undefined) lines.push(`Location: ${location}`);
    socket.on("error", () => undefined);
    socket.end(`${lines.join("\r\n")}\r\n\r\n${PAGE}`);
  });
  server.listen(port);
}

/** Takes connections, and says nothing. */
function saySilence({ port }: Extract<BoxRole, { role: "silence" }>): void {
  createServer((socket) => {
    socket.on("error", () => undefined);
    socket.resume();
  }).listen(port);
}

/** A DNS server (RFC 1035) that has one answer to every question for an address, or says that there is no such name. */
function answerNames({ port, address }: Extract<BoxRole, { role: "names" }>): void {
  const server = createSocket("udp4");
  server.on("message", (query, from) => {
    const end = query.indexOf(0, 12) + 5;
    const isForIpv4 = query.readUInt16BE(end - 4) === 1;
    const answers = address !== undefined && isForIpv4 ? 1 : 0;
    const header = Buffer.alloc(12);
    query.copy(header, 0, 0, 2);
    // A response, recursion wanted and there; 3 is NXDOMAIN.
    header.writeUInt16BE(0x8180 | (address === undefined ? 3 : 0), 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(answers, 6);
    const record = Buffer.from([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4, ...(address ?? "").split(".").map(Number)]);
    const response = Buffer.concat([header, query.subarray(12, end), ...(answers === 1 ? [record] : [])]);
    server.send(response, from.port, from.address);
  });
  server.bind(port);
}

const role = JSON.parse(process.argv[2] ?? "") as BoxRole;
switch (role.role) {
  case "swallow":
    swallow(role);
    break;
  case "page":
    showPage(role);
    break;
  case "silence":
    saySilence(role);
    break;
  case "names":
    answerNames(role);
    break;
}
