#!/usr/bin/env bash
# A Hyperswarm that ends without a goodbye and starts anew at once, with the same key, is turned away for half a minute by a peer whose
# key is larger, where the two had not yet sent each other anything. A new connection takes the place of the old one, which is that of the
# dead process, only where the larger key has dialled it, or bytes went both ways by the old one. Each time the app that dials is told of a
# connection, which ends some ms later. Where its key is the larger one, or after a byte each way, it is taken at once.
#
# Seen with Hyperswarm 4.17.2 on hyperdht 6.34.0: a lasting connection after some 31 s, by the fourth dial; in the other two cases
# after some 50 ms, by the first.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

npm install --silent --no-audit --no-fund hyperswarm@4.17.2 hyperdht@6.34.0 >/dev/null
cat >peer.cjs <<'JS'
const Hyperswarm = require("hyperswarm");
const HyperDHT = require("hyperdht");

const [port, seed, other, speaks] = process.argv.slice(2);
const keyPair = HyperDHT.keyPair(Buffer.from(seed, "hex"));
const swarm = new Hyperswarm({ bootstrap: [{ host: "127.0.0.1", port: Number(port) }], keyPair });
swarm.on("connection", (connection) => {
  connection.on("error", () => undefined);
  connection.resume();
  if (speaks === "true") connection.write("hello");
  console.log("connection");
  connection.once("close", () => console.log("close"));
});
swarm.joinPeer(Buffer.from(other, "hex"));
JS
cat >restart.cjs <<'JS'
const Hyperswarm = require("hyperswarm");
const HyperDHT = require("hyperdht");
const createTestnet = require("hyperdht/testnet");
const { spawn } = require("node:child_process");
const { once } = require("node:events");
const { randomBytes } = require("node:crypto");
const { createInterface } = require("node:readline");
const { setTimeout: pause } = require("node:timers/promises");

const LASTING_MS = 2000;

async function restart({ bootstrap }, { isSmaller, speaks }) {
  const keyOf = (seed) => HyperDHT.keyPair(seed).publicKey;
  const seeds = [randomBytes(32), randomBytes(32)].sort((one, other) => Buffer.compare(keyOf(one), keyOf(other)));
  const [own, others] = isSmaller ? seeds : seeds.reverse();
  const server = new Hyperswarm({ bootstrap, keyPair: HyperDHT.keyPair(others) });
  server.on("connection", (connection) => {
    connection.on("error", () => undefined);
    connection.resume();
    if (speaks) connection.write("hello");
  });
  await server.listen();
  const words = [bootstrap[0].port, own.toString("hex"), keyOf(others).toString("hex"), speaks].map(String);
  const start = () => {
    const child = spawn(process.execPath, ["peer.cjs", ...words], { stdio: ["ignore", "pipe", "inherit"] });
    return { child, lines: createInterface({ input: child.stdout }) };
  };
  const first = start();
  await once(first.lines, "line");
  await pause(1000);
  first.child.kill("SIGKILL");
  const second = start();
  const startMs = Date.now();
  let [count, connectedMs, isThere] = [0, 0, false];
  second.lines.on("line", (line) => {
    isThere = line === "connection";
    if (isThere) [count, connectedMs] = [count + 1, Date.now() - startMs];
  });
  while (!isThere || Date.now() - startMs < connectedMs + LASTING_MS) await pause(50);
  second.child.kill("SIGKILL");
  return { count, seconds: Math.round(connectedMs / 1000) };
}

async function main() {
  const testnet = await createTestnet(4);
  const cases = [
    { isSmaller: true, speaks: false },
    { isSmaller: false, speaks: false },
    { isSmaller: true, speaks: true },
  ];
  const found = await Promise.all(cases.map((one) => restart(testnet, one)));
  const [silent, larger, spoken] = found;
  console.log(found.map(({ count, seconds }) => `${seconds} s (connection ${count})`).join(", "));
  process.exit(silent.count > 1 && silent.seconds > 5 && [larger, spoken].every(({ count }) => count === 1) ? 0 : 1);
}
main();
JS

code=0
seen=$(timeout 100 node restart.cjs) || code=$?
echo "smaller key and silent, larger key and silent, smaller key after a byte each way: connected after $seen"
[[ $code == 0 ]] || { echo "this is not what was seen" >&2; exit 1; }
