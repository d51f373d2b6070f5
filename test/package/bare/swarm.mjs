// A peer of Hyperswarm on Bare, by the relay alone: it gives back what it gets.
import { hyperswarm } from "postern-client/hyperswarm";

const [relays, topic, ca] = Bare.argv.slice(2);
const swarm = hyperswarm({ relays, tls: { ca } });
swarm.on("connection", (connection) => {
  console.log(`open ${connection.remotePublicKey.toString("hex")}`);
  connection.on("data", (data) => connection.write(data));
  connection.on("end", () => connection.end());
  connection.on("error", ({ code, message }) => console.log(`error ${code} ${message}`));
  connection.on("close", () => console.log("close"));
});
swarm.join(Buffer.from(topic, "hex"));
console.log(`key ${swarm.keyPair.publicKey.toString("hex")}`);
