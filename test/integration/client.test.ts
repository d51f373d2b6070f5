import { expect, it, onTestFinished } from "vitest";
import { connect } from "../../client/node.ts";
import type { ConnectOptions, Relay } from "../../client/relay.ts";
import type { Message } from "../../client/topic.ts";
import { openClassic } from "../support/client.ts";
import { eventually } from "../support/eventually.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";

function connected(relay: TestRelay, options: ConnectOptions = {}): Relay {
  const client = connect(relay.url, { tls: { ca: relay.certificate }, ...options });
  onTestFinished(() => client.close());
  return client;
}

it("delivers to all and to one, text and bytes, with who has sent it", async () => {
  const relay = await startRelay();
  const [anna, bert, carl] = await Promise.all([0, 1, 2].map(() => connected(relay).join("topic")));
  if (anna === undefined || bert === undefined || carl === undefined) throw new Error("three have joined");
  await eventually(() => expect([anna, bert, carl].map(({ peers }) => peers.size)).toEqual([2, 2, 2]));
  const heard: string[] = [];
  for (const [name, topic] of Object.entries({ bert, carl })) {
    topic.on("message", ({ peer, text, isDirect }) => {
      expect(peer.id).toBe(anna.self.id);
      heard.push(`${name}: ${text}${isDirect ? " (alone)" : ""}`);
    });
  }

  await anna.broadcast("to all");
  await anna.send(bert.self.id, new TextEncoder().encode("to bert"));
  await anna.flush();

  expect(heard.toSorted()).toEqual(["bert: to all", "bert: to bert (alone)", "carl: to all"]);
});

it("gives an iterator what comes, until the topic is left", async () => {
  const relay = await startRelay();
  const [anna, bert] = await pair(relay);
  const texts: string[] = [];
  const reading = (async () => {
    for await (const { text } of bert.messages()) texts.push(text);
  })();

  for (const text of ["1", "2", "3"]) await anna.broadcast(text);
  await anna.flush();
  await bert.leave();

  await reading;
  expect(texts).toEqual(["1", "2", "3"]);
});

it("answers requests, and tells the asker what came of those that fail", async () => {
  const relay = await startRelay();
  const [anna, bert] = await pair(relay);
  await expect(anna.request(bert.self, "early")).rejects.toMatchObject({ code: "no-handler" });
  bert.onRequest(({ text }: Message) => {
    if (text === "fail") throw new Error("no luck");
    return `${text}, answered`;
  });

  const answer = await anna.request(bert.self, "asked");

  expect(new TextDecoder().decode(answer)).toBe("asked, answered");
  await expect(anna.request(bert.self, "fail")).rejects.toMatchObject({ code: "request-refused" });
});

it("delivers what it was given, whatever the app writes to its bytes afterwards", async () => {
  const relay = await startRelay();
  const [anna, bert] = await pair(relay);
  bert.onRequest(({ text }) => text);
  const texts: string[] = [];
  bert.on("message", ({ text }) => texts.push(text));
  const data = new TextEncoder().encode("first");

  const sent = [anna.broadcast(data), anna.send(bert.self, data)];
  const answer = anna.request(bert.self, data);
  data.fill(0);
  await Promise.all(sent);
  await anna.flush();

  expect(texts).toEqual(["first", "first"]);
  expect(new TextDecoder().decode(await answer)).toBe("first");
});

it("says closed to who joins after close, whatever has failed before", async () => {
  const client = connect("ws://127.0.0.1:1");
  await expect(client.join("topic", { timeoutMs: 100 })).rejects.toMatchObject({ code: "unreachable" });

  await client.close();

  await expect(client.join("topic")).rejects.toMatchObject({ code: "closed" });
});

it("shows joins and leaves; who leaves is gone at once, and not after the grace", async () => {
  const relay = await startRelay();
  const [anna, bert] = await pair(relay);
  const seen: string[] = [];
  anna.on("leave", ({ id }) => seen.push(`leave ${id}`));
  const leftAtMs = performance.now();

  await bert.leave();

  await eventually(() => expect(seen).toEqual([`leave ${bert.self.id}`]));
  expect(performance.now() - leftAtMs).toBeLessThan(4000);
  expect(anna.peers.size).toBe(0);
});

it("says what cannot be: a bad address, a topic twice, a relay that is not there in time", async () => {
  const relay = await startRelay();
  const client = connected(relay);
  await client.join("topic");

  expect(() => connect("https://localhost")).toThrow("wss://");
  await expect(client.join("topic")).rejects.toMatchObject({ code: "already-joined" });
  await expect(client.join("")).rejects.toMatchObject({ code: "topic-invalid" });
  await relay.stop();
  await expect(client.join("another", { timeoutMs: 300 })).rejects.toMatchObject({ code: "unreachable" });
});

it("shares a topic with a classic client in plain mode, and is told of one in a topic with numbers", async () => {
  const relay = await startRelay();
  const plain = await connected(relay).join("plain", { plain: true, peerId: "sdk" });
  const numbered = await connected(relay).join("numbered");
  const classic: string[] = [];
  numbered.on("classic", ({ id }) => classic.push(id));
  const heard: string[] = [];
  plain.on("message", ({ peer, text }) => heard.push(`${peer.id}: ${text}`));

  const original = await openClassic(relay, "plain", "original");
  expect(await original.next()).toEqual({ type: "peer-joined", peerId: "sdk", topic: "plain" });
  await openClassic(relay, "numbered", "stranger");
  original.send({ type: "data", data: btoa("hello") });
  await eventually(() => expect(heard).toEqual(["original: hello"]));
  await plain.broadcast("hello yourself");

  expect(await original.next()).toEqual({ type: "data", peerId: "sdk", data: btoa("hello yourself") });
  await eventually(() => expect(classic).toEqual(["stranger"]));
});

async function pair(relay: TestRelay) {
  const anna = await connected(relay).join("topic");
  const bert = await connected(relay).join("topic");
  await eventually(() => expect(anna.peers.size).toBe(1));
  return [anna, bert] as const;
}
