// Answers requests: SECRET=... node service.js wss://relay.example.com
import { connect } from "postern-client";

const [address = "wss://localhost:8443"] = process.argv.slice(2);
const relay = connect(address, { tls: { fingerprint: process.env.FINGERPRINT } });
relay.on("error", (error) => console.error(`! ${error.message}`));

const topic = await relay.join({ secret: process.env.SECRET ?? "", name: "clock" });
topic.onRequest(({ text }) => {
  if (text === "time") return new Date().toISOString();
  throw new Error("ask me for the time");
});
console.log("answering");

process.once("SIGINT", () => relay.close());
process.once("SIGTERM", () => relay.close());
