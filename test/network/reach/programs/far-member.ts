import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { connect } from "../../../../client/node.ts";

// A member beside the relay: joins each topic that it is told, a line each, and gives back what it gets.

const [, , address = "", caFile = ""] = process.argv;
const relay = connect(address, { tls: { ca: readFileSync(caFile, "utf8") } });

async function join(name: string): Promise<void> {
  const topic = await relay.join(name, { public: true });
  topic.onRequest(({ data }) => data);
  topic.on("message", ({ peer, data, isDirect }) => {
    // Of a member that is gone by now: it is not waiting.
    if (isDirect) topic.send(peer, data).catch(() => undefined);
  });
}

for await (const name of createInterface({ input: process.stdin })) await join(name);
