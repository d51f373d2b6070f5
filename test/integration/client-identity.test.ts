import { randomBytes } from "node:crypto";
import { describe, expect, it, onTestFinished } from "vitest";
import { accept, connectTo, identityOf, newKeyPair } from "../../client/identity.ts";
import { connect as connectAnywhere } from "../../client/index.ts";
import { connect as connectOnNode } from "../../client/node.ts";
import type { Relay } from "../../client/relay.ts";
import { newSecret } from "../../client/sealing/secret.ts";
import type { PeerStream } from "../../client/streams/peer-stream.ts";
import { streamsOf } from "../../client/streams.ts";
import type { Topic } from "../../client/topic.ts";
import { eventually } from "../support/eventually.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";

type Connect = (address: string) => Relay;

function connected(relay: TestRelay, connect: Connect = connectOnNode): Relay {
  const client = connect(relay.url);
  onTestFinished(() => client.close());
  return client;
}

function faultsOf(...topics: readonly Pick<Topic, "on">[]): unknown[] {
  const faults: unknown[] = [];
  for (const topic of topics) topic.on("fault", (fault) => faults.push(fault));
  return faults;
}

describe.each([
  ["node:crypto", connectOnNode, connectOnNode],
  ["WebCrypto", connectAnywhere, connectAnywhere],
  ["node:crypto with WebCrypto", connectOnNode, connectAnywhere],
] as [string, Connect, Connect][])("two members with identities, by %s", (_name, one, other) => {
  it("see each other's key, and exchange everything in order, over a restart of the relay", async () => {
    const relay = await startRelay({ tls: "off" });
    const secret = newSecret();
    const [annasKeys, bertsKeys] = await Promise.all([newKeyPair(), newKeyPair({ isExtractable: false })]);
    const anna = await connected(relay, one).join({ secret }, { identity: identityOf(annasKeys), presence: "anna" });
    const joined: unknown[] = [];
    anna.on("join", ({ publicKey }) => joined.push(publicKey));
    const bert = await connected(relay, other).join({ secret }, { identity: identityOf(bertsKeys), presence: "bert" });
    expect([...bert.peers.values()].map(({ publicKey }) => publicKey)).toEqual([annasKeys.publicKey]);
    await eventually(() => expect(joined).toEqual([bertsKeys.publicKey]));
    const faults = faultsOf(anna, bert);
    const heard: string[] = [];
    bert.on("message", ({ text, isDirect }) => heard.push(isDirect ? `alone ${text}` : text));
    bert.onRequest(({ text, peer }) => `${text}? ${peer.publicKey}`);

    for (let count = 0; count < 200; count += 1) await anna.broadcast(`${count}`.padEnd(1 + ((count * 37) % 9000)));
    await anna.send(bert.self, "for you");
    const answer = await anna.request(bert.self, "why");
    expect(new TextDecoder().decode(answer)).toBe(`why? ${annasKeys.publicKey}`);
    await anna.flush();
    await relay.stop();
    await anna.broadcast("sent while it is down");
    await startRelay({ tls: "off", port: relay.port });
    await eventually(() => expect(heard.at(-1)).toBe("sent while it is down"));
    bert.setPresence("bert, back");

    await eventually(() => expect(shownOf(anna, bert)).toBe("bert, back"));
    expect(heard.filter((text) => text.startsWith("alone"))).toEqual(["alone for you"]);
    expect(heard).toHaveLength(202);
    expect(joined).toHaveLength(1);
    expect(faults).toEqual([]);
  });

  it("stream bytes to each other by keys of each stream, over a kill of the relay", async () => {
    const relay = await startRelay({ tls: "off" });
    const secret = newSecret();
    const identities = await Promise.all([newKeyPair(), newKeyPair()]);
    const [anna, bert] = await Promise.all([
      connected(relay, one).join({ secret }, { identity: identityOf(identities[0]) }),
      connected(relay, other).join({ secret }, { identity: identityOf(identities[1]) }),
    ]);
    await eventually(() => expect([anna.peers.size, bert.peers.size]).toEqual([1, 1]));
    const faults = faultsOf(anna, bert);
    const bytes = randomBytes(3_000_000);
    const incoming: PeerStream[] = [];
    streamsOf(bert).onStream(async (stream) => {
      incoming.push(stream);
      await stream.readable.pipeTo(stream.writable);
    });

    const stream = await streamsOf(anna).open(bert.self, "echo");
    const echoed = readAll(stream.readable);
    const writer = stream.writable.getWriter();
    for (let at = 0; at < bytes.length; at += 100_000) {
      await writer.write(bytes.subarray(at, at + 100_000));
      if (at !== 1_000_000) continue;
      await relay.stop();
      await startRelay({ tls: "off", port: relay.port });
    }
    await writer.close();

    expect((await echoed).equals(bytes)).toBe(true);
    await stream.closed;
    expect([stream.forwardSecret, incoming[0]?.forwardSecret]).toEqual([true, true]);
    expect(faults).toEqual([]);
  });
});

it("opens many streams at once, both ways, and each has what was written to it", async () => {
  const relay = await startRelay({ tls: "off" });
  const secret = newSecret();
  const topics: Topic[] = [];
  for (let count = 0; count < 2; count += 1) {
    topics.push(await connected(relay).join({ secret }, { identity: identityOf(await newKeyPair()) }));
  }
  const [anna, bert] = topics as [Topic, Topic];
  await eventually(() => expect(anna.peers.size).toBe(1));
  for (const topic of topics) streamsOf(topic).onStream(({ readable, writable }) => readable.pipeTo(writable));

  const echoes = await Promise.all(
    Array.from({ length: 40 }, async (_, index) => {
      const [from, to] = index % 2 === 0 ? [anna, bert] : [bert, anna];
      const stream = await streamsOf(from).open(to.self, `${index}`);
      const writer = stream.writable.getWriter();
      await writer.write(new TextEncoder().encode(`stream ${index}`));
      const echo = readAll(stream.readable);
      await writer.close();
      return (await echo).toString();
    }),
  );

  expect(echoes).toEqual(echoes.map((_, index) => `stream ${index}`));
});

it("says of a stream with a member without an identity that it is not forward secret", async () => {
  const relay = await startRelay({ tls: "off" });
  const secret = newSecret();
  const anna = await connected(relay).join({ secret }, { identity: identityOf(await newKeyPair()) });
  const carl = await connected(relay).join({ secret });
  await eventually(() => expect(anna.peers.size).toBe(1));
  streamsOf(carl).onStream(({ readable, writable }) => readable.pipeTo(writable));

  const stream = await streamsOf(anna).open(carl.self, "echo");
  const writer = stream.writable.getWriter();
  await writer.write(new TextEncoder().encode("hello"));
  await writer.close();

  expect((await readAll(stream.readable)).toString()).toBe("hello");
  expect(stream.forwardSecret).toBe(false);
});

it("takes an identity for topics with a secret alone", async () => {
  const relay = await startRelay({ tls: "off" });
  const identity = identityOf(await newKeyPair());

  await expect(connected(relay).join("public", { public: true, identity })).rejects.toMatchObject({
    code: "option-invalid",
  });
});

describe("a rendezvous", () => {
  it("lets who knows a public key reach its owner, and nobody else sees either", async () => {
    const relay = await startRelay({ tls: "off" });
    const [annasKeys, bertsKeys, evesKeys] = await Promise.all([newKeyPair(), newKeyPair(), newKeyPair()]);
    const door = await accept(connected(relay), identityOf(annasKeys, { allow: [bertsKeys.publicKey] }));
    door.onRequest(({ peer, text }) => `${text}, ${peer.publicKey}`);
    streamsOf(door).onStream(({ readable, writable }) => readable.pipeTo(writable));

    const anna = await connectTo(connected(relay), annasKeys.publicKey, identityOf(bertsKeys));
    const eve = connectTo(connected(relay), annasKeys.publicKey, identityOf(evesKeys), { timeoutMs: 1500 });
    eve.catch(() => undefined);

    expect(anna.peer.publicKey).toBe(annasKeys.publicKey);
    const answer = await anna.request(anna.peer, "hello");
    expect(new TextDecoder().decode(answer)).toBe(`hello, ${bertsKeys.publicKey}`);
    const stream = await streamsOf(anna).open(anna.peer, "echo");
    const writer = stream.writable.getWriter();
    await writer.write(new TextEncoder().encode("bytes"));
    await writer.close();
    expect((await readAll(stream.readable)).toString()).toBe("bytes");
    expect(stream.forwardSecret).toBe(true);
    // Whom Anna does not want to see does not see her either.
    await expect(eve).rejects.toMatchObject({ code: "timed-out" });
    expect([...door.peers.values()].map(({ publicKey }) => publicKey)).toEqual([bertsKeys.publicKey]);
    expect([...anna.peers.keys()]).toEqual([door.self.id]);
    expect("broadcast" in anna || "setPresence" in anna).toBe(false);
    await anna.leave();
    await eventually(() => expect(door.peers.size).toBe(0));
  });

  it("waits for the owner, and ends where nobody comes", async () => {
    const relay = await startRelay({ tls: "off" });
    const [annasKeys, bertsKeys] = await Promise.all([newKeyPair(), newKeyPair()]);
    const client = connected(relay);
    const late = connectTo(client, annasKeys.publicKey, identityOf(bertsKeys));
    const never = connectTo(connected(relay), bertsKeys.publicKey, identityOf(bertsKeys), { timeoutMs: 1500 });
    never.catch(() => undefined);
    await eventually(() => expect(client.info.features).toContain("lists"));
    const door = await accept(connected(relay), identityOf(annasKeys));

    expect((await late).peer.id).toBe(door.self.id);
    await expect(never).rejects.toMatchObject({ code: "timed-out" });
    await expect(connectTo(client, "no key", identityOf(bertsKeys))).rejects.toMatchObject({ code: "key-invalid" });
  });
});

function shownOf(topic: Topic, peer: Topic): string {
  return new TextDecoder().decode(topic.peers.get(peer.self.id)?.presence);
}

async function readAll(readable: ReadableStream<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of readable) pieces.push(piece);
  return Buffer.concat(pieces);
}
