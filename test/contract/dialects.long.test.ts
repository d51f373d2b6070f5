import { createHash, randomBytes } from "node:crypto";
import { expect } from "vitest";
import { encodeClassicClientMessage } from "../../protocol/classic-client-messages.ts";
import { askToRegister, connectAgent, openAgent } from "../support/agents.ts";
import { eventually } from "../support/eventually.ts";
import { joinMesh } from "../support/mesh.ts";
import { PlainClient } from "../support/plain-client.ts";
import type { TestRelay } from "../support/relay.ts";
import { frameOf } from "../support/vauchi-client.ts";
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

/** How many mailbox clients there are at a place of a relay. */
const mailboxClients = new WeakMap<TestRelay, Map<string, number>>();

/** The first of two sends, from a mailbox of its own; the second one reads that of the place. */
function mailboxOf(relay: TestRelay, place: string): string {
  const counts = mailboxClients.get(relay) ?? new Map<string, number>();
  mailboxClients.set(relay, counts);
  const before = counts.get(place) ?? 0;
  counts.set(place, before + 1);
  return before % 2 === 0 ? `sender ${place} ${before}` : place;
}

dialectContract({
  name: "agent",
  options: { dialects: ["topic", "raw", "pair", "agent"], accountStore: "memory", agentRegistrationsPerHour: 0 },
  open: async (relay, place) => {
    const { status, body } = await askToRegister(relay, JSON.stringify({ agent_id: `${place}-1` }));
    if (status !== 200) return openAgent(relay, `${place}-2`);
    return connectAgent(relay, (JSON.parse(body) as { readonly token: string }).token);
  },
  // All agents are in one place: what is for another one does not name those of this. It is the first one that speaks.
  say: (word, place) => JSON.stringify({ to: [`${place}-2`], payload: word }),
  wordOf: (message) => {
    const { from, payload } = JSON.parse(message) as { readonly from: string; readonly payload: unknown };
    return from === "relay" ? undefined : String(payload);
  },
  partnerGone: "stays",
});

dialectContract({
  name: "mesh",
  options: { dialects: ["topic", "raw", "mesh", "pair"], accountStore: "memory" },
  open: (relay, place) => joinMesh(relay, place, { type: "join", node_id: randomBytes(8).toString("hex") }),
  say: (word) => JSON.stringify({ type: "broadcast", payload: word }),
  wordOf: (message) => {
    const { type, payload } = JSON.parse(message) as { readonly type: string; readonly payload?: unknown };
    return type === "message" ? String(payload) : undefined;
  },
  partnerGone: "stays",
});

dialectContract({
  name: "mailbox",
  options: {
    dialects: ["topic", "mailbox"],
    mailboxStore: "memory",
    mailboxMessagesPerMinute: 1_000_000,
    mailboxMaxMessageBytes: 4_194_304,
  },
  open: async (relay, place) => {
    const client = await PlainClient.open(relay, "/vauchi");
    client.send(frameOf({ type: "Handshake", client_id: hashOf(mailboxOf(relay, place)) }));
    await eventually(() => expect(client.heard.length).toBeGreaterThan(0));
    return client;
  },
  say: (word, place) =>
    frameOf({ type: "EncryptedUpdate", recipient_id: hashOf(place), ciphertext: [...Buffer.from(word)] }),
  wordOf: (message) => {
    const [, hex = ""] = /^binary (.*)$/.exec(message) ?? [];
    const [, bytes] = /"ciphertext":\[([\d,]*)\]/.exec(Buffer.from(hex, "hex").toString()) ?? [];
    return bytes === undefined ? undefined : Buffer.from(bytes.split(",").map(Number)).toString();
  },
  partnerGone: "stays",
  isStored: true,
});

dialectContract({
  name: "topic, a classic client",
  open: openClassic,
  say: (word) => `{"type":"data","data":"${word}"}`,
  wordOf: lastStringOf("data"),
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
