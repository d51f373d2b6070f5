import { expect, it } from "vitest";
import { RateClasses } from "../../relay/limits/rate-classes.ts";
import { PollLink } from "../../relay/polling/poll-link.ts";
import { TurnClock } from "../../relay/turn-clock.ts";
import { Flusher } from "../../relay/websocket/flusher.ts";
import { Throttle } from "../../relay/websocket/throttle.ts";
import { messageFrame } from "../../relay/wire/message-frame.ts";
import { FakeClock } from "../support/fake-clock.ts";

/** What a client is given first at most. */
const FIRST_BATCH_BYTES = 16_384;

/** A link whose client the test plays, with the sizes of the batches that it was given. */
function scene() {
  const clock = new FakeClock();
  const turnClock = new TurnClock(clock);
  const throttle = new Throttle(turnClock, new RateClasses({ messages: undefined, bytes: undefined }));
  const options = {
    maxFrameBytes: 4_194_304,
    maxOutboxBytes: 16_777_216,
    closeTimeoutMs: 1000,
    stalledReaderTimeoutMs: 60_000,
    slowReaderTimeoutMs: 60_000,
    slowReaderBytesPerSecond: 1,
  };
  const parts = { clock: turnClock, flusher: new Flusher(turnClock, { flushIntervalMs: 0 }), throttle };
  const link = new PollLink(parts, options, () => undefined);
  const given: number[] = [];
  let asked = 0;
  const answer = (batch: Uint8Array): void => void given.push(batch.length);
  /** Asks for the next batch, and says that all before it have come. */
  const poll = (): void => {
    link.poll({ number: asked, received: asked, waitMs: 20_000, byteCount: 100 }, { answer, gone: () => undefined });
    asked += 1;
  };
  const send = (byteCount: number): void => link.send(messageFrame("binary", Buffer.alloc(byteCount)));
  return { clock, link, given, poll, send };
}

const turn = () =>
  new Promise((resolve) => {
    setTimeout(resolve, 5);
  });

it("gives what comes alone at once, and what comes right behind it together after 20 ms", async () => {
  const { clock, given, poll, send } = scene();
  poll();
  send(100);
  await turn();
  const first = given.length;
  poll();
  send(100);
  await turn();
  clock.advance(10);
  send(100);
  await turn();
  const before = given.length;
  clock.advance(10);
  await turn();

  expect([first, before, given.length]).toEqual([1, 1, 2]);
  expect(given[1]).toBe(2 * (given[0] ?? 0));
});

it("gives at once what is as large as a batch may be, however soon", async () => {
  const { given, poll, send } = scene();
  poll();
  send(100);
  await turn();
  poll();
  send(FIRST_BATCH_BYTES);
  await turn();

  expect(given).toHaveLength(2);
});

it("does not hold back the close", async () => {
  const { given, link, poll, send } = scene();
  poll();
  send(100);
  await turn();
  poll();
  link.close(1000, "bye");
  await turn();

  expect(given).toHaveLength(2);
});

it("counts what the next poll takes as on its way, of a client that has been quick, and all of it within the bound", async () => {
  const { clock, link, given, poll, send } = scene();
  send(100_000);
  const fresh = [link.bufferedBytes, link.inFlightBytes];
  poll();
  await turn();
  clock.advance(100);
  poll();
  const quick = [link.bufferedBytes, link.inFlightBytes];
  const keptBytes = given.at(-1) ?? 0;

  expect(given[0]).toBeGreaterThanOrEqual(FIRST_BATCH_BYTES);
  expect(fresh[1]).toBe(0);
  expect(fresh[0]).toBeGreaterThan(100_000);
  // What waits is counted in one of the two, and what was given twice.
  expect((quick[0] ?? 0) + (quick[1] ?? 0)).toBe((fresh[0] ?? 0) - (given[0] ?? 0) - keptBytes + 2 * keptBytes);
  expect(quick[0]).toBe(0);
});
