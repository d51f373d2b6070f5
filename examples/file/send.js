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

/** Who is here, or comes within seconds: each first proves that it has the secret. */
function somebody() {
  return new Promise((resolve, reject) => {
    for (const peer of topic.peers.values()) resolve(peer);
    topic.on("join", resolve);
    setTimeout(() => reject(new Error("nobody is here")), 3000).unref();
  });
}

async function* hashed(bytes) {
  for await (const piece of bytes) {
    hash.update(piece);
    yield piece;
  }
}

try {
  const stream = toDuplex(await streamsOf(topic).open(await somebody(), basename(path)));
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
