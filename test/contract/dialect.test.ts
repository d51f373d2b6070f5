import { createHash } from "node:crypto";
import { encodeClassicClientMessage } from "../../protocol/classic-client-messages.ts";
import { SUBPROTOCOL_V1 } from "../../protocol/subprotocol.ts";
import { encodeV1ClientMessage } from "../../protocol/v1-client-messages.ts";
import { PlainClient } from "../support/plain-client.ts";
import type { TestRelay } from "../support/relay.ts";
import { dialectContract } from "./dialect.ts";

function hashOf(place: string): string {
  return createHash("sha256").update(place).digest("hex");
}

/** The string at the end of a message of JSON; undefined where it ends otherwise. */
function lastStringOf(key: string): (message: string) => string | undefined {
  return (message) => new RegExp(`"${key}":"([^"]*)"}$`).exec(message)?.[1];
}

async function openClassic(relay: TestRelay, topic: string): Promise<PlainClient> {
  const client = await PlainClient.open(relay, "/");
  client.send(encodeClassicClientMessage({ type: "join", topic, peerId: undefined }));
  await client.settled();
  return client;
}

dialectContract({
  name: "topic, a classic client",
  open: openClassic,
  say: (word) => `{"type":"data","data":"${word}"}`,
  wordOf: lastStringOf("data"),
  partnerGone: "stays",
});

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

dialectContract({
  name: "raw, GUN",
  open: (relay, place) => PlainClient.open(relay, `/gun/${hashOf(place)}`),
  say: (word) => `{"#":"1","@":"${word}"}`,
  wordOf: lastStringOf("@"),
  partnerGone: "stays",
});

dialectContract({
  name: "pair",
  open: (relay, place) => PlainClient.open(relay, `/relay/${place}`),
  say: (word) => Buffer.from(`word ${word}`),
  wordOf: (message) => {
    const [, hex] = /^binary (.*)$/.exec(message) ?? [];
    return /^word (.*)$/.exec(Buffer.from(hex ?? "", "hex").toString())?.[1];
  },
  partnerGone: "closed",
});
