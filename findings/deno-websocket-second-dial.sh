#!/usr/bin/env bash
# Deno dials a WebSocket over TLS a second time when its upgrade was refused, with HTTP/2 alone, and tells an app only what came
# of that. A server that speaks HTTP/1.1 answers 403 to the first; the app is told that there was no application protocol in
# common, as it would be of a server that it cannot talk to at all. Over ws:// the status is told.
#
# Seen with Deno 2.9.6: two handshakes, the first offers "http/1.1", the second "h2"; the error's message names
# NoApplicationProtocol and no 403.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

machine=$(uname -m)
machine=${machine/x86_64/x64}
npm install --silent --no-audit --no-fund --prefix "$folder" "deno@npm:@deno/linux-${machine/aarch64/arm64}-glibc@2.9.6" >/dev/null
deno=$folder/node_modules/deno/deno
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost -keyout key.pem -out certificate.pem 2>/dev/null

cat >page.js <<'JS'
const socket = new WebSocket(Deno.args[0]);
socket.onopen = () => console.log("open");
socket.onerror = ({ message }) => console.log(message);
socket.onclose = () => Deno.exit();
JS

cat >server.mjs <<'JS'
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer as createPlainServer } from "node:net";
import { createServer } from "node:tls";

const [deno] = process.argv.slice(2);
const offers = [];
const refuse = (socket) => {
  socket.on("error", () => undefined);
  socket.once("data", () => socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
};
const keys = { key: readFileSync("key.pem"), cert: readFileSync("certificate.pem") };
const ALPNCallback = ({ protocols }) => {
  offers.push(protocols.join());
  return protocols.find((protocol) => protocol === "http/1.1");
};
const secure = createServer({ ...keys, ALPNCallback }, refuse).on("tlsClientError", () => undefined);
const plain = createPlainServer(refuse);

const listening = (server) => new Promise((done) => server.listen(0, "127.0.0.1", () => done(server.address().port)));
const told = (url) =>
  new Promise((done) => {
    const words = ["run", "--allow-net", "--no-config", "--cert", "certificate.pem", "page.js", url];
    execFile(deno, words, { timeout: 30_000 }, (_, stdout) => done(stdout.trim()));
  });

const overTls = await told(`wss://localhost:${await listening(secure)}/`);
const overTcp = await told(`ws://localhost:${await listening(plain)}/`);
console.log(`offers over TLS: ${offers.join(" then ")}`);
console.log(`told over TLS: ${overTls}`);
console.log(`told over TCP: ${overTcp}`);
const isAsSeen =
  offers.join(" ") === "http/1.1 h2" && /NoApplicationProtocol/i.test(overTls) && !overTls.includes("403") && overTcp.includes("403");
process.exit(isAsSeen ? 0 : 1);
JS

"$deno" --version | head -n 1
node server.mjs "$deno" || { echo "this has changed" >&2; exit 1; }
