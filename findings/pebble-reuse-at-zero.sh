#!/usr/bin/env bash
# Pebble, the ACME server for tests, reuses authorizations with PEBBLE_AUTHZREUSE=0. It draws a number from 0 to 99 and asks anew only
# where that is above the value, so at 0, the least that it takes, about one order in a hundred of an account gets the authorization
# of an earlier one. A test that counts challenges of a renewal fails now and then for it.
#
# Seen with Pebble 2.10.3 and acme-client 5.4.0: of 1,500 further orders of one account for one name, about 15 (22 in the run of 2026-11-28) name the first
# authorization; its log says "Configured to attempt authz reuse for each identifier 0% of the time".
set -euo pipefail

folder=$(mktemp -d)
pebble=
trap '[[ -z $pebble ]] || kill "$pebble"; rm -rf "$folder"' EXIT
cd "$folder"

GOBIN=$folder go install github.com/letsencrypt/pebble/v2/cmd/pebble@v2.10.3
npm install --silent --no-audit --no-fund --prefix "$folder" acme-client@5.4.0 >/dev/null
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost -keyout key.pem -out certificate.pem 2>/dev/null
read -r port management < <(node -e '
const { createServer } = require("node:net");
const servers = [createServer(), createServer()].map((server) => server.listen(0, "127.0.0.1"));
setTimeout(() => { console.log(servers.map((server) => server.address().port).join(" ")); process.exit(); }, 200);')
cat >pebble.json <<JSON
{ "pebble": { "listenAddress": "127.0.0.1:$port", "managementListenAddress": "127.0.0.1:$management", "certificate": "certificate.pem",
  "privateKey": "key.pem", "httpPort": 1, "tlsPort": 1, "profiles": { "default": { "description": "", "validityPeriod": 86400 } } } }
JSON
PEBBLE_AUTHZREUSE=0 PEBBLE_VA_ALWAYS_VALID=1 PEBBLE_VA_NOSLEEP=1 PEBBLE_WFE_NONCEREJECT=0 ./pebble -config pebble.json >log 2>&1 &
pebble=$!

cat >orders.mjs <<'JS'
import acme from "acme-client";

const [directoryUrl] = process.argv.slice(2);
const client = new acme.Client({ directoryUrl, accountKey: await acme.crypto.createPrivateEcdsaKey() });
for (let tries = 0; ; tries += 1) {
  try {
    await client.createAccount({ termsOfServiceAgreed: true });
    break;
  } catch (error) {
    if (tries > 100) throw error;
    await new Promise((done) => setTimeout(done, 100));
  }
}
const order = () => client.createOrder({ identifiers: [{ type: "dns", value: "one.example.test" }] });
const first = await order();
const [authorization] = await client.getAuthorizations(first);
await client.completeChallenge(authorization.challenges[0]);
await client.waitForValidStatus(authorization);
let count = 0;
for (let made = 0; made < 1500; made += 1) {
  const { authorizations } = await order();
  if (authorizations[0] === first.authorizations[0]) count += 1;
}
console.log(count);
JS

reused=$(NODE_EXTRA_CA_CERTS=certificate.pem node orders.mjs "https://localhost:$port/dir")
grep -o "Configured to attempt authz reuse.*" log
echo "of 1500 further orders, $reused name the first authorization"
((reused >= 1 && reused <= 60)) || { echo "this is not what was seen" >&2; exit 1; }
