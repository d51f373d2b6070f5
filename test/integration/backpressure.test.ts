import { expect, it } from "vitest";
import { WebSocket } from "ws";
import { type Client, openClassic, openV1 } from "../support/client.ts";
import { eventually } from "../support/eventually.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";
import { unhurriedClock } from "../support/unhurried-clock.ts";

const MESSAGE_BYTES = 100_000;
/** More than the operating system's buffers and the relay's together. */
const MESSAGE_COUNT = 200;
/** So many are less than the mark above which a reader is slow. */
const MESSAGES_AT_ONCE = 4;

/** A message that can be told from every other. */
const message = (number: number) => ({
  type: "data",
  data: String(number).padStart(8, "0").padEnd(MESSAGE_BYTES, "x"),
});
const numberOf = (text: string) => Number(/"data":"(\d{8})/.exec(text)?.[1] ?? Number.NaN);
const numbers = ({ texts }: Client) => texts.filter((text) => text.includes('"data"')).map(numberOf);
const all = Array.from({ length: MESSAGE_COUNT }, (_, index) => index);

/** A sender and readers in one topic, one of which stops reading. */
async function scene(relay: TestRelay) {
  const sender = await openClassic(relay, "t", "sender");
  const stopped = await openClassic(relay, "t", "stopped");
  const reader = await openClassic(relay, "t", "reader");
  stopped.socket.pause();
  for (const number of all) sender.send(message(number));
  return { sender, stopped, reader };
}

it("[TOPIC-13] makes a sender wait for a reader that has stopped, and loses nothing when it reads on", async () => {
  const relay = await startRelay({ stalledReaderTimeoutMs: 60_000, slowReaderTimeoutMs: 60_000 });
  const { sender, stopped, reader } = await scene(relay);
  await eventually(() => expect(relay.figures().pauses).toBeGreaterThan(0));
  const waitingBytes = sender.socket.bufferedAmount;

  stopped.socket.resume();

  await eventually(() => expect(numbers(stopped)).toHaveLength(MESSAGE_COUNT));
  await eventually(() => expect(numbers(reader)).toHaveLength(MESSAGE_COUNT));
  expect(waitingBytes).toBeGreaterThan(0);
  expect(numbers(stopped)).toEqual(all);
  expect(numbers(reader)).toEqual(all);
  expect(relay.figures()).toMatchObject({ peers: 3, outboxesFull: 0, stalledReaders: 0, slowReaders: 0 });
});

it("[TOPIC-13] closes a reader that drains nothing with 4001, tells the others, and gives them every message", async () => {
  const relay = await startRelay({ stalledReaderTimeoutMs: 2000, drainTimeoutMs: 300 });

  const { stopped, reader } = await scene(relay);

  await eventually(() => expect(numbers(reader)).toHaveLength(MESSAGE_COUNT));
  expect(numbers(reader)).toEqual(all);
  expect(reader.texts).toContain('{"type":"peer-left","peerId":"stopped","topic":"t"}');
  await eventually(() => expect(relay.figures()).toMatchObject({ peers: 2, connections: 2, stalledReaders: 1 }));
  stopped.socket.resume();
  await stopped.closed();
  expect(numbers(stopped)).toEqual(all.slice(0, numbers(stopped).length));
});

it("closes a reader with 1013 and slows nobody where the policy is to close", async () => {
  const relay = await startRelay({ slowReaderPolicy: "close", drainTimeoutMs: 300 });

  const sender = await openClassic(relay, "t", "sender");
  const stopped = await openClassic(relay, "t", "stopped");
  const reader = await openClassic(relay, "t", "reader");
  stopped.socket.pause();

  for (const number of all) {
    sender.send(message(number));
    if (number % MESSAGES_AT_ONCE === 0) await sender.settled();
  }

  await eventually(() => expect(numbers(reader)).toHaveLength(MESSAGE_COUNT));
  expect(numbers(reader)).toEqual(all);
  expect(relay.figures()).toMatchObject({ pauses: 0, outboxesFull: 1, peers: 2 });
});

it("tells a v1 reader why and when to come back before it is closed with 1013, which some clients cannot see", async () => {
  const relay = await startRelay({ slowReaderPolicy: "close", drainTimeoutMs: 5000 });
  const sender = await openClassic(relay, "t", "sender");
  const [stopped] = await openV1(relay, "t", "stopped");
  stopped.socket.pause();

  for (const number of all) {
    sender.send(message(number));
    if (number % MESSAGES_AT_ONCE === 0) await sender.settled();
  }
  await eventually(() => expect(relay.figures().outboxesFull).toBe(1));
  stopped.socket.resume();

  expect(await stopped.closed()).toMatchObject({ code: 1013 });
  expect(JSON.parse(stopped.texts.at(-1) ?? "")).toMatchObject({ code: "outbox-full", retryAfterMs: 1000 });
});

it("goes on in other topics while one waits", async () => {
  const relay = await startRelay({ stalledReaderTimeoutMs: 60_000, slowReaderTimeoutMs: 60_000 });
  await scene(relay);
  await eventually(() => expect(relay.figures().pauses).toBeGreaterThan(0));
  const a = await openClassic(relay, "other", "a");
  const b = await openClassic(relay, "other", "b");
  await b.next();

  a.send({ type: "data", data: "QQ==" });

  expect(await b.next()).toEqual({ type: "data", peerId: "a", data: "QQ==" });
});

it("does not take a sender for silent that it does not read from itself", async () => {
  const relay = await startRelay(
    { stalledReaderTimeoutMs: 60_000, slowReaderTimeoutMs: 60_000, sweepIntervalMs: 500 },
    unhurriedClock,
  );
  const { sender, stopped } = await scene(relay);
  await eventually(() => expect(relay.figures().pauses).toBeGreaterThan(0));

  // The stopped reader is silent and goes; that frees its sender, which was paused for several sweeps by then.
  await eventually(() => expect(relay.figures().swept).toBe(1));

  expect(sender.socket.readyState).toBe(WebSocket.OPEN);
  stopped.socket.resume();
});

it("drains in time although a sender is paused", async () => {
  const relay = await startRelay({ stalledReaderTimeoutMs: 60_000, slowReaderTimeoutMs: 60_000, drainTimeoutMs: 400 });
  const { sender } = await scene(relay);
  await eventually(() => expect(relay.figures().pauses).toBeGreaterThan(0));

  await relay.stop();

  expect(await sender.closed()).toMatchObject({ code: expect.any(Number) });
  expect(relay.figures()).toMatchObject({ connections: 0, peers: 0, topics: 0 });
});
