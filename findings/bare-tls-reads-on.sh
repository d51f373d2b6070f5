#!/usr/bin/env bash
# A socket of bare-tls that is paused goes on reading what is below it: it looks at no result of `push`, and neither does the socket of bare-net
# that it stands on. All that the other side sends goes into the memory of the one that wanted to wait.
#
# Seen with Bare 1.31.0 and bare-tls 3.1.11: a server gets rid of 32 MiB to a client that is paused from the start and reads nothing. A
# socket of bare-tcp 2.6.1 alone leaves most of it at the server.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

npm install --silent --no-audit --no-fund bare-runtime@1.31.0 bare-tls@3.1.11 bare-tcp@2.6.1 >/dev/null
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 1 -subj /CN=localhost 2>/dev/null
cat >client.cjs <<'JS'
const port = Number(Bare.argv[2]);
const socket =
  Bare.argv[3] === "tls"
    ? require("bare-tls").connect({ port, host: "localhost", rejectUnauthorized: false })
    : require("bare-tcp").connect(port, "127.0.0.1");
socket.pause();
socket.on("error", () => {});
// A paused socket keeps no program alive.
setTimeout(() => {}, 20_000);
JS
cat >server.mjs <<'JS'
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer as createTcp } from "node:net";
import { createServer as createTls } from "node:tls";

const BYTES = 32 * 1024 * 1024;
const files = { key: readFileSync("key.pem"), cert: readFileSync("cert.pem") };
for (const kind of ["tls", "tcp"]) {
  const server = kind === "tls" ? createTls(files) : createTcp();
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const client = execFile("node_modules/.bin/bare", ["client.cjs", String(server.address().port), kind]);
  const socket = await new Promise((done) => server.once(kind === "tls" ? "secureConnection" : "connection", done));
  socket.on("error", () => {});
  let isGone = false;
  socket.write(Buffer.alloc(BYTES), (error) => (isGone = !error));
  for (let waited = 0; !isGone && waited < 5000; waited += 100) await new Promise((done) => setTimeout(done, 100));
  console.log(`${kind} ${isGone ? "gone" : "waits"}`);
  socket.destroy();
  client.kill();
  server.close();
}
JS

seen=$(timeout 60 node server.mjs | tr '\n' ' ')
echo "what a server has for a paused client: $seen"
[[ $seen == "tls gone tcp waits " ]] || { echo "this is not what was seen" >&2; exit 1; }
