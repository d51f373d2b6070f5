import { randomBytes } from "node:crypto";
import { expect, it, onTestFinished } from "vitest";
import { identityOf, newKeyPair } from "../../client/identity.ts";
import { connect } from "../../client/node.ts";
import { newSecret } from "../../client/sealing/secret.ts";
import { streamsOf } from "../../client/streams.ts";
import type { Topic } from "../../client/topic.ts";
import { eventually } from "../support/eventually.ts";
import { Way } from "../support/line-scene.ts";
import { startRelay } from "../support/relay.ts";
import { readAll } from "../support/topic-pair.ts";

it("proves who members are on each of two relays, and nobody sees that one of them dies", async () => {
  const relays = await Promise.all([startRelay({ tls: "off" }), startRelay({ tls: "off" })]);
  const ways = await Promise.all(relays.map(({ port }) => Way.to(port)));
  const urls = ways.map(({ port }) => `ws://127.0.0.1:${port}`);
  const secret = newSecret();
  const keys = await Promise.all([newKeyPair(), newKeyPair()]);
  const [anna, bert] = (await Promise.all(
    keys.map(async (pair, index) => {
      const client = connect(urls, { reconnect: { minDelayMs: 20, maxDelayMs: 200 } });
      onTestFinished(() => client.close());
      return client.join({ secret }, { identity: identityOf(pair), presence: `${index}` });
    }),
  )) as [Topic, Topic];
  await eventually(() => expect([keyOfPeer(anna), keyOfPeer(bert)]).toEqual([keys[1]?.publicKey, keys[0]?.publicKey]));
  const told: unknown[] = [];
  for (const topic of [anna, bert]) {
    topic.on("fault", ({ kind }) => told.push(kind));
    topic.on("leave", ({ id }) => told.push(`leave ${id}`));
    topic.on("join", ({ id }) => told.push(`join ${id}`));
  }
  const heard: string[] = [];
  bert.on("message", ({ text, isDirect }) => heard.push(isDirect ? `alone ${text}` : text));
  streamsOf(bert).onStream(({ readable, writable }) => readable.pipeTo(writable));
  const bytes = randomBytes(2_000_000);

  const stream = await streamsOf(anna).open(bert.self, "echo");
  const echoed = readAll(stream.readable);
  const writer = stream.writable.getWriter();
  for (let at = 0; at < bytes.length; at += 100_000) {
    await writer.write(bytes.subarray(at, at + 100_000));
    await anna.broadcast(`${at}`);
    await anna.send(bert.self, `${at}`);
    if (at === 500_000) ways[0]?.cut();
    if (at === 1_200_000) {
      ways[1]?.block();
      ways[1]?.cut();
    }
  }
  await writer.close();
  await anna.flush();

  expect(Buffer.from(await echoed).equals(bytes)).toBe(true);
  expect(stream.forwardSecret).toBe(true);
  const numbers = Array.from({ length: 20 }, (_, index) => `${index * 100_000}`);
  expect(heard.filter((text) => !text.startsWith("alone"))).toEqual(numbers);
  expect(heard.filter((text) => text.startsWith("alone"))).toEqual(numbers.map((text) => `alone ${text}`));
  expect(told).toEqual([]);
  bert.setPresence("another");
  await eventually(() => expect([...anna.peers.values()].map(shown)).toEqual(["another"]));
});

function keyOfPeer({ peers }: Topic): string | undefined {
  return [...peers.values()][0]?.publicKey;
}

function shown({ presence }: { readonly presence?: Uint8Array | undefined }): string {
  return new TextDecoder().decode(presence);
}
