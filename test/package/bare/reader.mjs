// Takes a stream on Bare and reads nothing of it until it is told; then it says how much came, and the sum of its bytes.
import { connect } from "postern-client";
import { streamsOf } from "postern-client/streams";

const [address, secret, ca] = Bare.argv.slice(2);
const relay = connect(address, { tls: { ca } });
const topic = await relay.join({ secret });
const read = Promise.withResolvers();
topic.on("message", ({ text }) => text === "read" && read.resolve());
const incoming = streamsOf(topic).incoming();
await topic.broadcast("ready");
for await (const stream of incoming) {
  await topic.broadcast("has it");
  await read.promise;
  let [count, sum] = [0, 0];
  for await (const bytes of stream.readable) {
    count += bytes.length;
    for (const byte of bytes) sum = (sum + byte) % 65_521;
  }
  await topic.broadcast(`${count} bytes, ${sum}`);
}
