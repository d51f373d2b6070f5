// Answers requests: node service.js wss://relay.example.com my-topic
import { connect } from "postern-client";

const [address = "wss://localhost", name = "clock"] = process.argv.slice(2);
const relay = connect(address, { tls: { fingerprint: process.env.FINGERPRINT } });
relay.on("error", (error) => console.error(`! ${error.message}`));

const topic = await relay.join(name);
topic.onRequest(({ text }) => {
  if (text === "time") return new Date().toISOString();
  throw new Error("ask me for the time");
});
console.log("answering");

process.once("SIGINT", () => relay.close());
process.once("SIGTERM", () => relay.close());
