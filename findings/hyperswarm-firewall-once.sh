#!/usr/bin/env bash
# Hyperswarm asks its `firewall` about a key until the first no: that is a ban for as long as the swarm lives, and the function is not
# asked again. An app that lets a peer in later (an invitation is accepted, a list is loaded) keeps it out until it starts anew. What undoes
# it is `ban(false)` on the PeerInfo that the event `ban` gives. Another key of the same peer is asked about as usual.
#
# Seen with Hyperswarm 4.17.2 on hyperdht 6.34.0: one question for one key over several dials, although the answer would now be yes;
# after ban(false) a second question, and a connection.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

npm install --silent --no-audit --no-fund hyperswarm@4.17.2 hyperdht@6.34.0 >/dev/null
cat >swarms.cjs <<'JS'
const Hyperswarm = require("hyperswarm");
const HyperDHT = require("hyperdht");
const createTestnet = require("hyperdht/testnet");
const { setTimeout: pause } = require("node:timers/promises");

async function main() {
  const testnet = await createTestnet(3);
  const options = { bootstrap: testnet.bootstrap };
  let isOpen = false;
  let questions = 0;
  let banned;
  const firewall = () => {
    questions += 1;
    return !isOpen;
  };
  const server = new Hyperswarm({ ...options, firewall });
  server.on("ban", (peerInfo) => (banned = peerInfo));
  server.on("connection", (connection) => connection.on("error", () => undefined));
  await server.listen();
  // Each dial is of a node of its own, with the same key: what the dialling side remembers is not meant here.
  const keyPair = HyperDHT.keyPair();
  const dial = async () => {
    const node = new HyperDHT({ ...options, keyPair });
    const socket = node.connect(server.keyPair.publicKey);
    const isConnected = await new Promise((done) => {
      socket.once("open", () => done(true));
      socket.once("error", () => done(false));
      socket.once("close", () => done(false));
    });
    socket.destroy();
    await node.destroy();
    await pause(300);
    return isConnected;
  };
  const told = [await dial()];
  isOpen = true;
  for (let count = 0; count < 3; count += 1) told.push(await dial());
  const before = questions;
  banned?.ban(false);
  told.push(await dial());
  console.log(`${told.join(", ")}; ${before} question, then ${questions}`);
  process.exit();
}
main();
JS

seen=$(timeout 120 node swarms.cjs)
echo "connected while the answer is no, three times while it is yes, after ban(false): $seen"
[[ $seen == "false, false, false, false, true; 1 question, then 2" ]] || { echo "this is not what was seen" >&2; exit 1; }
