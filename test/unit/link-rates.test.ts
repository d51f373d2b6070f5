import { expect, it } from "vitest";
import type { Rates } from "../../relay/limits/sender-rate.ts";
import { linkScene, turns } from "../support/link-scene.ts";
import { encodeFrame, Opcode } from "../support/raw-socket.ts";

/** So many messages in one chunk, numbered from 1. */
const messages = (count: number) =>
  Buffer.concat(Array.from({ length: count }, (_, index) => encodeFrame({ payload: String(index + 1) })));
const MESSAGE_RATE: Rates = { messages: { perSecond: 10, burst: 2 }, bytes: undefined };

it("is read again only when no topic, no rate and no session keeps it from it", async () => {
  const { clock, link, received } = linkScene();
  link.pause();
  link.pauseFor(50);
  link.hold();
  link.read(messages(1));

  const receivedAfter: number[] = [];
  for (const step of [
    () => link.resume({ isFreed: false }),
    () => link.release(),
    () => clock.advance(40),
    () => clock.advance(20),
  ]) {
    step();
    await turns();
    receivedAfter.push(received.length);
  }

  expect(receivedAfter).toEqual([0, 0, 0, 1]);
});

it("takes the burst of a flood at once, then a message each time one is due, in order", async () => {
  const { clock, link, received, throttle } = linkScene(MESSAGE_RATE);
  link.read(messages(6));
  const atOnce = received.length;

  const receivedAfter: number[] = [];
  for (let count = 0; count < 4; count += 1) {
    clock.advance(110);
    await turns();
    receivedAfter.push(received.length);
  }

  expect(atOnce).toBe(2);
  expect(receivedAfter).toEqual([3, 4, 5, 6]);
  expect(received).toEqual(["1", "2", "3", "4", "5", "6"]);
  expect(throttle.hitCount).toBe(5);
});

it("keeps a stream of bytes to its rate, whatever the size of its messages", async () => {
  const { clock, link, received } = linkScene({ messages: undefined, bytes: { perSecond: 1000, burst: 100 } });

  link.read(encodeFrame({ payload: "x".repeat(500) }));
  link.read(encodeFrame({ payload: "x".repeat(500) }));
  clock.advance(400);
  await turns();
  const beforeTheDebtIsPaid = received.length;
  clock.advance(600);
  await turns();

  expect(beforeTheDebtIsPaid).toBe(1);
  expect(received.length).toBe(2);
});

it("counts pings against the rate: they cost an answer", async () => {
  const { clock, socket, link } = linkScene(MESSAGE_RATE);
  const pings = Array.from({ length: 5 }, () => encodeFrame({ opcode: Opcode.ping, payload: "p" }));

  link.read(Buffer.concat(pings));
  await turns();
  const atOnce = socket.written().length;
  await socket.complete();
  clock.advance(110);
  await turns();

  expect(atOnce).toBe(2 * "\u008a\u0001p".length);
  expect(socket.written().length).toBe(3 * "\u008a\u0001p".length);
});

it("does not take a sender for silent that waits for its rate", () => {
  const { clock, link } = linkScene(MESSAGE_RATE);
  link.wasHeard();
  link.read(messages(3));

  const whileWaiting = [link.wasHeard(), link.wasHeard()];
  clock.advance(1000);

  expect(whileWaiting).toEqual([true, true]);
  expect([link.wasHeard(), link.wasHeard()]).toEqual([true, false]);
});

it("hears the answer to its close although the peer is above its rate, and leaves nobody waiting", async () => {
  const { link, socket, ended, throttle } = linkScene(MESSAGE_RATE);
  link.read(messages(3));

  link.close(1008, "no");
  link.read(encodeFrame({ opcode: Opcode.close, payload: Buffer.from("03f0", "hex") }));
  await turns();
  await socket.complete();
  await turns();

  expect(throttle.waitingCount).toBe(0);
  expect(ended).toEqual([1008]);
});

it("leaves nobody waiting who went away above the rate", async () => {
  const { link, socket, throttle } = linkScene(MESSAGE_RATE);
  link.read(messages(3));

  socket.destroy();
  await turns();

  expect(throttle.waitingCount).toBe(0);
});

it("lets a class send its multiple of the rate, and one without limits what it likes", () => {
  const received = [undefined, "unknown", "fast", "free"].map((rateClass) => {
    const { link, received: ofLink } = linkScene(MESSAGE_RATE);
    link.limitTo(rateClass);
    link.read(messages(20));
    return ofLink.length;
  });

  expect(received).toEqual([2, 2, 6, 20]);
});

it.each([
  ["the same rates", "unknown", 3],
  ["other rates, as often as they like", "fast", 5],
])("gives no fresh burst to who changes between classes of %s", async (_rates, rateClass, count) => {
  const { clock, link, received } = linkScene(MESSAGE_RATE);
  // The burst, and what it takes to have one message more: of the last class, in 110 ms.
  link.read(messages(2));
  for (let change = 0; change < 5; change += 1) {
    link.limitTo(undefined);
    link.limitTo(rateClass);
  }
  clock.advance(110);
  await turns();

  link.read(messages(9));

  expect(received).toHaveLength(count);
});

it("waits for the later of two times, whichever was said first", async () => {
  const receivedAfter = [];
  for (const waitsMs of [
    [50, 200],
    [200, 50],
  ]) {
    const { clock, link, received } = linkScene();
    for (const waitMs of waitsMs) link.pauseFor(waitMs);
    link.read(messages(1));
    clock.advance(190);
    await turns();
    receivedAfter.push(received.length);
    clock.advance(20);
    await turns();
    receivedAfter.push(received.length);
  }

  expect(receivedAfter).toEqual([0, 1, 0, 1]);
});
