import { expect, it } from "vitest";
import { TopicError } from "../../client/errors.ts";
import { PlainTopic } from "../../client/plain-topic.ts";
import { FakeTopicLine } from "../support/fake-topic-line.ts";

const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const anna = { peerId: "anna", peerHandle: 2 };

function open() {
  const line = new FakeTopicLine();
  const topic = new PlainTopic("name", line.open);
  const seen: string[] = [];
  topic.on("join", ({ id }) => seen.push(`join ${id}`));
  topic.on("leave", ({ id }) => seen.push(`leave ${id}`));
  topic.on("lost", ({ peer, count }) => seen.push(`lost ${count} of ${peer.id}`));
  topic.on("message", ({ peer, text, isDirect }) => seen.push(`${peer.id}${isDirect ? " alone" : ""}: ${text}`));
  return { line, topic, seen };
}

it("shows what comes as it is, bytes and text", async () => {
  const { line, topic, seen } = open();
  line.join(anna);
  await topic.joined;

  line.events.onPeerJoined({ peerId: "bert", peerHandle: 3 });
  line.events.onData({ peerHandle: 2, payload: bytes("hello"), isAddressed: false });
  line.events.onData({ peerHandle: 3, payload: "no base64!", isAddressed: true });
  line.events.onPeerLeft(anna);

  expect(seen).toEqual(["join anna", "join bert", "anna: hello", "bert alone: no base64!", "leave anna"]);
  expect(topic.self.id).toBe("me");
});

it("sends what it is given as it is, to all or to one", async () => {
  const { line, topic } = open();
  line.join(anna);

  await topic.broadcast("to all");
  await topic.send("anna", bytes("to one"));

  expect(line.sent).toEqual([
    { to: undefined, text: "to all" },
    { to: [2], text: "to one" },
  ]);
});

it("tells two members of one name apart", async () => {
  const { line, topic } = open();
  line.join(anna, { peerId: "anna", peerHandle: 3 });

  expect([...topic.peers.keys()]).toEqual(["anna", "anna#3"]);
  await topic.send("anna#3", "x");

  expect(line.sent).toEqual([{ to: [3], text: "x" }]);
});

it("lets what is sent during a cut wait, and sends it in the order of the calls", async () => {
  const { line, topic, seen } = open();
  line.join(anna);
  line.down();
  const waiting = Promise.all([topic.broadcast("1"), topic.broadcast("2")]);
  expect(line.sent).toEqual([]);

  line.join(anna);

  await waiting;
  expect(line.sent.map(({ text }) => text)).toEqual(["1", "2"]);
  expect(seen).toEqual(["join anna", "leave anna", "join anna"]);
});

it("sends what it was given, whatever the app writes to its bytes afterwards", async () => {
  const { line, topic } = open();
  line.join(anna);
  line.down();
  const data = bytes("first");
  const waiting = topic.broadcast(data);
  data.fill(0);

  line.join(anna);

  await waiting;
  expect(line.sent.map(({ text }) => text)).toEqual(["first"]);
});

it("holds back where the topic is congested, and sends to one member meanwhile", async () => {
  const { line, topic } = open();
  line.join(anna);
  line.events.onCongestion({ to: undefined, isCongested: true });
  await expect(topic.broadcast("now or never", { wait: false })).rejects.toMatchObject({ code: "would-wait" });
  const held = topic.broadcast("held");

  expect(line.sent).toEqual([]);
  line.events.onCongestion({ to: undefined, isCongested: false });

  await held;
  await topic.send("anna", "x");
  expect(line.sent.map(({ text }) => text)).toEqual(["held", "x"]);
});

it("keeps at most 1,000 waiting messages, and rejects one more", async () => {
  const { line, topic } = open();
  line.join();
  line.down();
  const waiting = Array.from({ length: 1000 }, () => topic.broadcast("x"));

  await expect(topic.broadcast("one more")).rejects.toMatchObject({ code: "backlog-full" });
  line.join();

  await Promise.all(waiting);
  expect(line.sent).toHaveLength(1000);
});

it("gives up a waiting message with its signal, and sends nothing of it", async () => {
  const { line, topic } = open();
  line.join();
  line.down();
  const controller = new AbortController();
  const waiting = topic.broadcast("x", { signal: controller.signal });

  controller.abort();
  line.join();

  await expect(waiting).rejects.toMatchObject({ code: "aborted" });
  expect(line.sent).toEqual([]);
});

it("refuses what is no data, what is too large, and who is not there", async () => {
  const { line, topic } = open();
  line.join(anna);

  await expect(topic.broadcast("")).rejects.toMatchObject({ code: "data-invalid" });
  await expect(topic.broadcast("x".repeat(1001))).rejects.toMatchObject({ code: "payload-too-large" });
  await expect(topic.send("nobody", "x")).rejects.toMatchObject({ code: "no-such-peer" });
  await expect(topic.request("anna", "x")).rejects.toMatchObject({ code: "plain-topic" });
  await expect(topic.flush()).rejects.toMatchObject({ code: "plain-topic" });
  expect(() => topic.onRequest(() => "x")).toThrow("plain mode");
  expect(line.sent).toEqual([]);
});

it("tells what the relay has left out", () => {
  const { line, seen } = open();
  line.join(anna);

  line.events.onOmitted({ peerHandle: 2, count: 3, sizeBytes: 9000 });

  expect(seen).toEqual(["join anna", "lost 3 of anna"]);
});

it("rejects the join where the relay does not want this client, and all that waits", async () => {
  const { line, topic } = open();
  const waiting = topic.broadcast("x");

  line.events.onEnded(new TopicError("not-permitted"));

  await expect(topic.joined).rejects.toMatchObject({ code: "not-permitted" });
  await expect(waiting).rejects.toMatchObject({ code: "not-permitted" });
  await expect(topic.broadcast("x")).rejects.toMatchObject({ code: "closed" });
});

it("ends its iterators when it leaves", async () => {
  const { line, topic } = open();
  line.join(anna);
  const next = topic.messages().next();

  await topic.leave();

  expect((await next).done).toBe(true);
  expect(line.hasLeft).toBe(true);
});
