#!/usr/bin/env bash
# The WebSocket of bare-ws, which `bare-ws/global` offers under the browser's name, takes the browser's arguments and leaves the
# subprotocol out: the second argument is read as options. The upgrade goes out without Sec-WebSocket-Protocol, and a server that tells
# versions of its protocol apart by it speaks the wrong one. A header of that name in the options gets
# through.
#
# Seen with Bare 1.31.2 and bare-ws 3.2.0: no subprotocol from new WebSocket(url, "chat.v1") nor from ["chat.v1"]; "chat.v1" with
# the header in the options, where `protocol` is null in the first two.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

npm install --silent --no-audit --no-fund bare@1.31.2 bare-ws@3.2.0 bare-type@1.1.1 ws@8.23.0 >/dev/null
cat >client.js <<'JS'
require("bare-ws/global");
const url = `ws://127.0.0.1:${Bare.argv[2]}`;
const ways = ["chat.v1", ["chat.v1"], { headers: { "sec-websocket-protocol": "chat.v1" } }];
const next = () => {
  if (ways.length === 0) return;
  const socket = new WebSocket(url, ways.shift());
  socket.on("open", () => {
    console.log(`protocol ${socket.protocol}`);
    socket.end();
  });
  socket.on("error", (error) => console.log(`error ${error.message}`));
  socket.on("close", next);
};
next();
JS
cat >server.mjs <<'JS'
import { execFile } from "node:child_process";
import { WebSocketServer } from "ws";

const offered = [];
const server = new WebSocketServer({ port: 0, host: "127.0.0.1" }, () => {
  execFile("node_modules/.bin/bare", ["client.js", String(server.address().port)], { timeout: 20_000 }, (_error, told) => {
    console.log(`${offered.join(", ")}; ${told.trim().split("\n").join(", ")}`);
    process.exit();
  });
});
server.on("connection", (socket, { headers }) => {
  socket.on("error", () => undefined);
  offered.push(headers["sec-websocket-protocol"] ?? "none");
});
JS

seen=$(node server.mjs)
echo "offered to the server; what the socket says: $seen"
[[ $seen == "none, none, chat.v1; protocol null, protocol null, protocol chat.v1" ]] ||
  { echo "this is not what was seen" >&2; exit 1; }
