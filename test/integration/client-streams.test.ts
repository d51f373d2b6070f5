import { describe, expect, it } from "vitest";
import { connect } from "../../client/node.ts";
import type { PeerStream } from "../../client/streams/peer-stream.ts";
import { streamsOf } from "../../client/streams.ts";
import { eventually } from "../support/eventually.ts";
import { codeOf, watch } from "../support/lane-scene.ts";
import { startRelay } from "../support/relay.ts";
import { readAll, type TopicPair, topicPair, writeAll } from "../support/topic-pair.ts";

const MEBIBYTE = 1024 * 1024;

async function members(): Promise<TopicPair> {
  const relay = await startRelay();
  return topicPair(relay.url, { tls: { ca: relay.certificate } });
}

/** A stream at both its ends. */
async function opened({ annas, berts, bert }: TopicPair): Promise<{ annas: PeerStream; berts: PeerStream }> {
  const incoming = berts.incoming();
  const [stream, next] = await Promise.all([annas.open(bert.self, "label"), incoming.next()]);
  await incoming.return?.();
  return { annas: stream, berts: next.value as PeerStream };
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

describe("a stream", () => {
  it("carries bytes both ways, each direction until its own end", async () => {
    const pair = await members();
    const streams = await opened(pair);

    await writeAll(streams.annas.writable, "asked");
    const asked = await readAll(streams.berts.readable);
    const open = watch(streams.annas.closed);
    await writeAll(streams.berts.writable, `${text(asked)}, and answered`);

    expect(open.outcome).toBe("waits");
    expect(text(await readAll(streams.annas.readable))).toBe("asked, and answered");
    await Promise.all([streams.annas.closed, streams.berts.closed]);
    expect([streams.berts.label, streams.berts.peer.id, streams.berts.isIncoming]).toEqual([
      "label",
      pair.anna.self.id,
      true,
    ]);
    expect([streams.annas.label, streams.annas.peer.id, streams.annas.isIncoming]).toEqual([
      "label",
      pair.bert.self.id,
      false,
    ]);
  });

  it("goes to who listens for its label, or else for all; with nobody it is refused", async () => {
    const { annas, berts, bert } = await members();
    expect(await codeOf(annas.open(bert.self, "file"))).toBe("no-listener");
    const taken: string[] = [];
    const stopFiles = berts.onStream(({ label }) => void taken.push(`files: ${label}`), { label: "file" });
    const stopAll = berts.onStream(({ label }) => void taken.push(`all: ${label}`));

    for (const label of ["file", "other"]) await annas.open(bert.self, label);
    stopFiles();
    await annas.open(bert.self, "file");
    stopAll();

    expect(await codeOf(annas.open(bert.self, "file"))).toBe("no-listener");
    expect(taken).toEqual(["files: file", "all: other", "all: file"]);
  });

  it("is refused by a peer whose app knows no streams, and in a plain topic there are none", async () => {
    const relay = await startRelay();
    const { annas, anna } = await topicPair(relay.url, { tls: { ca: relay.certificate } });
    const client = connect(relay.url, { tls: { ca: relay.certificate } });
    const carl = await client.join("topic");
    await eventually(() => expect(anna.peers.size).toBe(2));

    expect(await codeOf(annas.open(carl.self, "file"))).toBe("no-listener");
    expect(await codeOf(annas.open("nobody", "file"))).toBe("no-such-peer");
    for (const label of ["", "x".repeat(257), "\ud800"]) {
      expect(await codeOf(annas.open(carl.self, label))).toBe("option-invalid");
    }
    const plain = await client.join("plain", { plain: true });
    expect(() => streamsOf(plain)).toThrow("plain");
    expect(streamsOf(carl)).toBe(streamsOf(carl));
    await client.close();
  });

  it("tells the other side why it is aborted, each direction on its own", async () => {
    const pair = await members();
    const [one, two, three] = [await opened(pair), await opened(pair), await opened(pair)];

    await one.annas.writable.abort({ reasonCode: 4_000_000_000, reason: "x".repeat(300) });
    await two.annas.readable.cancel(new Error("no more"));
    three.annas.abort({ reasonCode: 7 });

    await expect(readAll(one.berts.readable)).rejects.toMatchObject({
      code: "stream-aborted",
      reasonCode: 4_000_000_000,
      reason: "x".repeat(200),
    });
    await writeAll(one.berts.writable, "goes on");
    expect(text(await readAll(one.annas.readable))).toBe("goes on");
    await expect(two.berts.writable.getWriter().closed).rejects.toMatchObject({ reasonCode: 0, reason: "no more" });
    await writeAll(two.annas.writable, "goes on");
    expect(text(await readAll(two.berts.readable))).toBe("goes on");
    for (const end of [three.annas, three.berts]) {
      await expect(readAll(end.readable)).rejects.toMatchObject({ code: "stream-aborted", reasonCode: 7 });
      await expect(end.closed).rejects.toMatchObject({ code: "stream-aborted", reasonCode: 7 });
    }
  });

  it("is aborted by what its handler throws", async () => {
    const { annas, berts, bert } = await members();
    berts.onStream(() => Promise.reject(new Error("disk full")));

    const stream = await annas.open(bert.self, "file");

    await expect(stream.closed).rejects.toMatchObject({ code: "stream-aborted", reason: "disk full" });
  });

  it("is given up by the signal and when the time is over, while nobody takes it; later ones are taken", async () => {
    const { annas, berts, bert } = await members();
    const incoming = berts.incoming();
    expect(await codeOf(annas.open(bert.self, "late", { timeoutMs: 50 }))).toBe("timed-out");
    const controller = new AbortController();
    const aborted = codeOf(annas.open(bert.self, "aborted", { signal: controller.signal }));
    controller.abort();
    expect(await aborted).toBe("aborted");
    // Each of them is withdrawn there: none of them waits.
    const waiting = Array.from({ length: 17 }, (_, index) => annas.open(bert.self, String(index)));
    const codes = await Promise.all(waiting.slice(16).map(codeOf));

    const first = await incoming.next();
    await incoming.return?.();

    expect(codes).toEqual(["too-many-streams"]);
    expect((first.value as PeerStream).label).toBe("0");
    expect(await Promise.all(waiting.slice(0, 16).map(codeOf))).toEqual(["none", ...Array(15).fill("no-listener")]);
  });

  it("ends with its topic, and at the other end with its peer", async () => {
    const pair = await members();
    const streams = await opened(pair);
    const read = await opened(pair);
    await writeAll(read.annas.writable, "complete");
    const incoming = pair.annas.incoming();

    await pair.anna.leave();

    expect(await codeOf(streams.annas.closed)).toBe("closed");
    expect(await codeOf(streams.berts.closed)).toBe("peer-gone");
    expect(await codeOf(readAll(streams.berts.readable))).toBe("peer-gone");
    // What had arrived with its end can still be read.
    expect(text(await readAll(read.berts.readable))).toBe("complete");
    expect(await incoming.next()).toEqual({ done: true, value: undefined });
    expect(await codeOf(pair.annas.open(pair.bert.self, "late"))).toBe("closed");
    expect(await pair.annas.incoming().next()).toEqual({ done: true, value: undefined });
  });

  it("that nobody reads takes a window, and holds up no message, no request and no other stream", async () => {
    const pair = await members();
    const stalled = await opened(pair);
    const other = await opened(pair);
    pair.bert.onRequest(({ text: asked }) => asked);
    const heard: string[] = [];
    pair.bert.on("message", ({ text: said }) => heard.push(said));
    const writer = stalled.annas.writable.getWriter();
    let taken = 0;
    const filling = (async () => {
      for (; taken < 40; taken += 1) await writer.write(new Uint8Array(MEBIBYTE / 4));
    })();
    filling.catch(() => undefined);
    await eventually(() => expect(taken).toBeGreaterThan(0));

    for (let count = 0; count < 20; count += 1) await pair.anna.broadcast(`${count}`);
    const answer = await pair.anna.request(pair.bert.self, "asked");
    const copied = readAll(other.berts.readable);
    await writeAll(other.annas.writable, "x".repeat(5 * MEBIBYTE));
    await pair.anna.flush();

    expect(text(answer)).toBe("asked");
    expect((await copied).byteLength).toBe(5 * MEBIBYTE);
    expect(heard).toHaveLength(20);
    expect(taken).toBeLessThanOrEqual(4);
    stalled.berts.abort();
    expect(await codeOf(filling)).toBe("stream-aborted");
  });
});
