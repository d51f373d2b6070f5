import { createHash } from "node:crypto";
import { SUBPROTOCOL_V1 } from "../../protocol/subprotocol.ts";
import { encodeV1ClientMessage } from "../../protocol/v1-client-messages.ts";
import { PlainClient } from "../support/plain-client.ts";
import { dialectContract } from "./dialect.ts";

// The other dialects, and the other clients of these: dialects.long.test.ts.

function hashOf(place: string): string {
  return createHash("sha256").update(place).digest("hex");
}

/** The string at the end of a message of JSON; undefined where it ends otherwise. */
function lastStringOf(key: string): (message: string) => string | undefined {
  return (message) => new RegExp(`"${key}":"([^"]*)"}$`).exec(message)?.[1];
}

dialectContract({
  name: "topic, postern.v1",
  open: async (relay, topic) => {
    const client = await PlainClient.open(relay, "/", { subprotocols: [SUBPROTOCOL_V1] });
    client.send(encodeV1ClientMessage({ type: "join", topic, peerId: undefined }));
    await client.settled();
    return client;
  },
  say: (word, topic) => `{"type":"data","topic":"${topic}","data":"${word}"}`,
  wordOf: lastStringOf("data"),
  partnerGone: "stays",
});

dialectContract({
  name: "raw, a pipe",
  open: (relay, place) => PlainClient.open(relay, `/topic/${hashOf(place)}`),
  say: (word) => `word ${word}`,
  wordOf: (message) => /^word (.*)$/.exec(message)?.[1],
  partnerGone: "stays",
});
