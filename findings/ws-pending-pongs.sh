#!/usr/bin/env bash
# The client of ws ends its connection when 60 pongs wait to be written and one more ping comes: at once, without a close frame, an `error` event or a
# reason, as 1006. A server that does not read a sender for a while (backpressure), and goes on pinging it, loses it so: after half an
# hour at one ping in 30 s. The limit is the option maxPendingAutoPongs, which the package's types do not name.
#
# Seen with ws 8.23.0 on a server that reads nothing while 50 MB are sent to it: after 60 pings the connection is open, after 61 it has ended with 1006;
# with maxPendingAutoPongs: 1000 it is open.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

npm install --silent --no-audit --no-fund ws@8.23.0 >/dev/null
cat >sender.mjs <<'JS'
import { createHash } from "node:crypto";
import { createServer } from "node:net";
import { WebSocket } from "ws";

const [pingCount, maxPendingAutoPongs] = process.argv.slice(2).map(Number);
const server = createServer((socket) => {
  socket.on("error", () => undefined);
  socket.once("data", (request) => {
    const key = /sec-websocket-key: (.*)\r/i.exec(request)[1];
    const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
    socket.pause();
    socket.write(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" + `Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    setTimeout(() => {
      for (let count = 0; count < pingCount; count += 1) socket.write(Buffer.from([0x89, 0]));
    }, 500);
  });
});
server.listen(0, "127.0.0.1", () => {
  const options = maxPendingAutoPongs === undefined ? {} : { maxPendingAutoPongs };
  const client = new WebSocket(`ws://127.0.0.1:${server.address().port}`, options);
  const end = (text) => process.exit(console.log(text));
  client.on("open", () => client.send(Buffer.alloc(50_000_000)));
  client.on("error", (error) => end(`error ${error.message}`));
  client.on("close", (code) => end(`closed ${code}`));
  setTimeout(() => end(client.readyState === WebSocket.OPEN ? "open" : `state ${client.readyState}`), 3000);
});
JS

seen="$(node sender.mjs 60), $(node sender.mjs 61), $(node sender.mjs 61 1000)"
echo "60 pings, 61 pings, 61 pings with a limit of 1000: $seen"
[[ $seen == "open, closed 1006, open" ]] || { echo "this is not what was seen" >&2; exit 1; }
