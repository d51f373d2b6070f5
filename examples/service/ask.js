// Asks everybody who answers: SECRET=... node ask.js wss://relay.example.com time
import { connect } from "postern-client";

const [address = "wss://localhost:8443", question = "time"] = process.argv.slice(2);
const relay = connect(address, { tls: { fingerprint: process.env.FINGERPRINT } });
const topic = await relay.join({ secret: process.env.SECRET ?? "", name: "clock" });
if (topic.peers.size === 0) console.error("nobody is here");

for (const peer of topic.peers.values()) {
  try {
    const answer = await topic.request(peer, question, { timeoutMs: 5000 });
    console.log(new TextDecoder().decode(answer));
  } catch (error) {
    console.error(`! ${error.code}: ${error.message}`);
    process.exitCode = 1;
  }
}
await relay.close();
