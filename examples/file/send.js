// Sends a file to who receives: SECRET=... node send.js wss://relay.example.com report.pdf
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { basename } from "node:path";
import { pipeline } from "node:stream/promises";
import { connect } from "postern-client";
import { toDuplex } from "postern-client/node-streams";
import { streamsOf } from "postern-client/streams";

const [address, path] = process.argv.slice(2);
const relay = connect(address, { tls: { fingerprint: process.env.FINGERPRINT } });
const topic = await relay.join({ secret: process.env.SECRET ?? "" });
const hash = createHash("sha256");

async function* hashed(bytes) {
  for await (const piece of bytes) {
    hash.update(piece);
    yield piece;
  }
}

try {
  const [peer] = topic.peers.values();
  if (peer === undefined) throw new Error("nobody is here");
  const stream = toDuplex(await streamsOf(topic).open(peer, basename(path)));
  // What comes back is what the other side has received, as it says itself.
  const [answer] = await Promise.all([stream.toArray(), pipeline(createReadStream(path), hashed, stream)]);
  const isSame = Buffer.concat(answer).toString() === hash.digest("hex");
  console.log(isSame ? "received" : "received, and not the same");
  process.exitCode = isSame ? 0 : 1;
} catch (error) {
  console.error(`! ${error.message}`);
  process.exitCode = 1;
}
await relay.close();
