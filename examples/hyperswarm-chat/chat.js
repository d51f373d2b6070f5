// A chat over Hyperswarm, which gets through where UDP is dropped: node chat.js wss://relay.example.com my-topic
import { createHash } from "node:crypto";
import { createInterface } from "node:readline";
import { hyperswarm } from "postern-client/hyperswarm";

const [address = "wss://localhost:8443", topic = "chat"] = process.argv.slice(2);

// The one line that is another one. It was: const swarm = new Hyperswarm();
const swarm = hyperswarm({ relays: address, tls: { fingerprint: process.env.FINGERPRINT } });

swarm.on("connection", (connection) => {
  const name = connection.remotePublicKey.toString("hex").slice(0, 6);
  console.log(`* ${name} is here`);
  connection.on("data", (data) => console.log(`${name}: ${data}`));
  connection.on("error", (error) => console.error(`! ${name}: ${error.message}`));
  connection.on("close", () => console.log(`* ${name} has gone`));
});
swarm.join(createHash("sha256").update(topic).digest());

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  for (const connection of swarm.connections) connection.write(line);
});
lines.on("close", () => swarm.destroy());
process.once("SIGINT", () => lines.close());
