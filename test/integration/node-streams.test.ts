import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { Readable } from "node:stream";
import { finished, pipeline } from "node:stream/promises";
import { expect, it } from "vitest";
import { toDuplex } from "../../client/node-streams.ts";
import type { PeerStream } from "../../client/streams/peer-stream.ts";
import { codeOf } from "../support/lane-scene.ts";
import { startRelay } from "../support/relay.ts";
import { type TopicPair, topicPair } from "../support/topic-pair.ts";

async function members(): Promise<TopicPair> {
  const relay = await startRelay();
  return topicPair(relay.url, { tls: { ca: relay.certificate } });
}

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

it("is a Duplex that pipeline takes, in both directions, each with an end of its own", async () => {
  const { annas, berts, bert } = await members();
  const data = randomBytes(3_000_000);
  const ended = Promise.withResolvers<void>();
  berts.onStream(async (stream) => {
    const duplex = toDuplex(stream);
    const hash = createHash("sha256");
    // `end` of the one direction is the beginning of the other.
    for await (const bytes of duplex.iterator({ destroyOnReturn: false })) hash.update(bytes as Uint8Array);
    duplex.end(hash.digest("hex"));
    await finished(duplex);
    ended.resolve();
  });

  const duplex = toDuplex(await annas.open(bert.self, "file"));
  const answer = duplex.toArray();
  await pipeline(Readable.from(piecesOf(data)), duplex);

  await ended.promise;
  expect(Buffer.concat((await answer) as Buffer[]).toString()).toBe(sha256(data));
});

it("aborts the stream when it is destroyed, and is destroyed when the other side aborts", async () => {
  const { annas, berts, bert } = await members();
  const incoming = berts.incoming();
  const [mine, next] = await Promise.all([annas.open(bert.self, "file"), incoming.next()]);
  if (next.done === true) throw new Error("a stream came");
  const [one, other] = [toDuplex(mine), toDuplex(next.value)];
  other.resume();
  const failed = once(other, "error");
  const [mineClosed, othersClosed] = [codeOf(mine.closed), codeOf(next.value.closed)];

  one.on("error", () => undefined);
  one.destroy(new Error("disk full"));

  expect(await failed).toEqual([expect.objectContaining({ code: "stream-aborted", reason: "disk full" })]);
  expect(await Promise.all([mineClosed, othersClosed])).toEqual(["stream-aborted", "stream-aborted"]);
});

it("ends no process where nobody listens to its errors: its handler throws, and its peer aborts", async () => {
  const { annas, berts, bert } = await members();
  const thrown = Promise.withResolvers<PeerStream>();
  berts.onStream((stream) => {
    toDuplex(stream);
    thrown.resolve(stream);
    throw new Error("no room");
  });

  const mine = await annas.open(bert.self, "file");
  toDuplex(mine);

  // An error event that nobody hears would be an uncaught exception, by which this test would fail.
  expect(await Promise.all([codeOf(mine.closed), codeOf((await thrown.promise).closed)])).toEqual([
    "stream-aborted",
    "stream-aborted",
  ]);
});

it("ends with the other side where it is told to", async () => {
  const { annas, berts, bert } = await members();
  const ended = Promise.withResolvers<void>();
  berts.onStream(async (stream) => {
    await finished(toDuplex(stream, { allowHalfOpen: false }).resume());
    ended.resolve();
  });

  const stream = await annas.open(bert.self, "file");
  const duplex = toDuplex(stream).resume();
  duplex.end("bye");

  await once(duplex, "close");
  await Promise.all([stream.closed, ended.promise]);
});

function* piecesOf(data: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < data.byteLength; at += 65_536) yield data.subarray(at, at + 65_536);
}
