#!/usr/bin/env bash
# Squid takes the Upgrade header out of requests unless http_upgrade_request_protocols names what they ask for. Its page says that names are case
# sensitive, and has "WebSocket" as the example; browsers and libraries write "websocket" (RFC 6455 section 4.1 has it in any case). So who
# copies the example allows none of them, and Squid says nothing of it.
#
# Seen with Debian's Squid 5.7-2+deb12u6 and ws 8.23.0, by an upgrade over http:// through the proxy:
#   rule        header "websocket"   header "WebSocket"
#   none        426                  426
#   WebSocket   426                  101
#   websocket   101                  426
set -euo pipefail

folder=$(mktemp -d)
squid=
trap '[[ -z $squid ]] || { kill "$squid"; wait "$squid" 2>/dev/null || true; }; rm -rf "$folder"' EXIT
cd "$folder"
chmod 755 "$folder"

version=5.7-2+deb12u6
apt-get download --quiet "squid=$version" "squid-common=$version" "squid-langpack=20220130-1" >/dev/null 2>&1
for package in ./*.deb; do dpkg -x "$package" root; done
npm install --silent --no-audit --no-fund ws@8.23.0 >/dev/null

cat >origin.mjs <<'JS'
import { createServer } from "node:http";
import { WebSocketServer } from "ws";

const server = createServer((_request, response) => response.writeHead(426).end());
const sockets = new WebSocketServer({ noServer: true });
server.on("upgrade", (request, socket, head) => sockets.handleUpgrade(request, socket, head, (client) => client.close()));
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
setTimeout(() => process.exit(), 60_000);
JS
cat >ask.mjs <<'JS'
import { connect } from "node:net";

const [proxyPort, originPort, name] = process.argv.slice(2);
const socket = connect(Number(proxyPort), "127.0.0.1");
socket.write(
  `GET http://127.0.0.1:${originPort}/ HTTP/1.1\r\nHost: 127.0.0.1:${originPort}\r\nConnection: Upgrade\r\nUpgrade: ${name}\r\n` +
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
);
socket.once("data", (answer) => {
  console.log(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]);
  process.exit();
});
socket.on("error", () => process.exit(1));
JS
coproc origin { exec node origin.mjs; }
read -r origin_port <&"${origin[0]}"
proxy_port=$(node -e 'const s = require("node:net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); });')

# Asks through a Squid with one rule. Prints the two answers.
with_rule() {
  cat >squid.conf <<CONF
http_port 127.0.0.1:$proxy_port
http_access allow all
pid_filename none
cache_log /dev/null
access_log none
cache deny all
shutdown_lifetime 0 seconds
visible_hostname localhost
mime_table $folder/root/usr/share/squid/mime.conf
icon_directory $folder/root/usr/share/squid/icons
error_directory $folder/root/usr/share/squid/errors/en
${1:+http_upgrade_request_protocols $1 allow all}
CONF
  root/usr/sbin/squid -N -f squid.conf >/dev/null 2>&1 &
  squid=$!
  for _ in $(seq 100); do
    if node -e "require('node:net').connect($proxy_port, '127.0.0.1').on('connect', () => process.exit()).on('error', () => process.exit(1))"; then break; fi
    sleep 0.1
  done
  echo "$(node ask.mjs "$proxy_port" "$origin_port" websocket) $(node ask.mjs "$proxy_port" "$origin_port" WebSocket)"
  kill "$squid"
  wait "$squid" 2>/dev/null || true
  squid=
}

seen=
for rule in "" WebSocket websocket; do
  with_rule "$rule" >answers
  echo "rule ${rule:-none}: $(cat answers)"
  seen+="$(cat answers);"
done
[[ $seen == "426 426;426 101;101 426;" ]] || { echo "this is not what was seen" >&2; exit 1; }
