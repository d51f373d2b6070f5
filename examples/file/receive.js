// Receives files into the present folder: SECRET=... node receive.js wss://relay.example.com
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { basename } from "node:path";
import { pipeline } from "node:stream/promises";
import { connect } from "postern-client";
import { toDuplex } from "postern-client/node-streams";
import { streamsOf } from "postern-client/streams";

const [address] = process.argv.slice(2);
const relay = connect(address, { tls: { fingerprint: process.env.FINGERPRINT } });
relay.on("error", (error) => console.error(`! ${error.message}`));

const topic = await relay.join({ secret: process.env.SECRET ?? "" });
streamsOf(topic).onStream(async (stream) => {
  // A peer may say anything: its file goes into this folder, and replaces none.
  const path = `received-${basename(stream.label).replace(/[^\w.-]/g, "_")}`;
  const hash = createHash("sha256");
  const duplex = toDuplex(stream);
  const hashed = async function* (bytes) {
    for await (const piece of bytes) {
      hash.update(piece);
      yield piece;
    }
  };
  await pipeline(duplex.iterator({ destroyOnReturn: false }), hashed, createWriteStream(path, { flags: "wx" }));
  duplex.end(hash.digest("hex"));
  console.log(path);
});
console.log("waiting");

process.once("SIGINT", () => relay.close());
process.once("SIGTERM", () => relay.close());
