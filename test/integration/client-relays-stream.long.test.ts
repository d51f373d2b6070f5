import { createHash, randomBytes } from "node:crypto";
import { setTimeout as after } from "node:timers/promises";
import { expect, it } from "vitest";
import { streamsOf } from "../../client/streams.ts";
import type { Topic } from "../../client/topic.ts";
import { allConnected, membersOn } from "../support/relay-load.ts";
import { startRelayProcesses } from "../support/relay-processes.ts";

it("brings 200 MB over three kills of its relays and a move between them, byte for byte", {
  timeout: 240_000,
}, async () => {
  const byteCount = 200_000_000;
  const processes = await startRelayProcesses(2);
  const { relays, topics } = await membersOn(processes, 2);
  const [anna, bert] = topics as [Topic, Topic];
  const [sent, received] = [createHash("sha256"), createHash("sha256")];
  let receivedBytes = 0;
  const done = Promise.withResolvers<void>();
  streamsOf(bert).onStream(async ({ readable, writable }) => {
    for await (const bytes of readable) {
      received.update(bytes);
      receivedBytes += bytes.byteLength;
    }
    await writable.close();
    done.resolve();
  });
  const kills = (async () => {
    for (let round = 0; round < 3; round += 1) {
      await eventuallyAtLeast(() => receivedBytes, ((round + 0.5) * byteCount) / 3);
      const server = processes.servers[round % 2];
      await server?.kill();
      await server?.start();
      // The next one dies only when this one is there again: so each kill moves the stream to the other relay.
      await allConnected(relays);
    }
  })();

  const stream = await streamsOf(anna).open(bert.self, "transfer");
  const writer = stream.writable.getWriter();
  for (let at = 0; at < byteCount; at += 100_000) {
    const piece = randomBytes(100_000);
    sent.update(piece);
    await writer.write(piece);
  }
  await writer.close();
  await Promise.all([done.promise, kills]);

  expect(receivedBytes).toBe(byteCount);
  expect(received.digest("hex")).toBe(sent.digest("hex"));
});

async function eventuallyAtLeast(figure: () => number, wanted: number): Promise<void> {
  while (figure() < wanted) await after(10);
}
