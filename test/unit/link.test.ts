import { Socket } from "node:net";
import { expect, it } from "vitest";
import { RateClasses } from "../../relay/limits/rate-classes.ts";
import type { Rates } from "../../relay/limits/sender-rate.ts";
import { TurnClock } from "../../relay/turn-clock.ts";
import { Flusher } from "../../relay/websocket/flusher.ts";
import { WebSocketLink } from "../../relay/websocket/link.ts";
import { Pacing } from "../../relay/websocket/pacing.ts";
import { Throttle } from "../../relay/websocket/throttle.ts";
import { messageFrame } from "../../relay/wire/message-frame.ts";
import { ClientFrames } from "../support/client-frames.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { encodeFrame, Opcode } from "../support/raw-socket.ts";

/** A socket whose writes complete when they are told to. */
class HeldSocket extends Socket {
  readonly writes: Buffer[] = [];
  #done: (() => void) | undefined;

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.writes.push(Buffer.from(chunk));
    this.#done = done;
  }

  /** The operating system takes the write under way. */
  async complete(): Promise<void> {
    const done = this.#done;
    this.#done = undefined;
    done?.();
    await turns();
  }

  written(): string {
    return Buffer.concat(this.writes).toString("latin1");
  }
}

/** Reads what was written, and answers the numbered pings. */
class AnsweringClient {
  readonly messages: string[] = [];
  pingCount = 0;
  readonly #frames: ClientFrames;
  #readCount = 0;

  constructor(link: WebSocketLink) {
    this.#frames = new ClientFrames({
      onPing: (number) => {
        this.pingCount += 1;
        const payload = Buffer.alloc(4);
        payload.writeUInt32BE(number);
        link.read(encodeFrame({ opcode: Opcode.pong, payload }));
      },
      onMessage: (start) => void this.messages.push(start),
    });
  }

  readAll(writes: readonly Buffer[]): void {
    for (const bytes of writes.slice(this.#readCount)) this.#frames.push(bytes);
    this.#readCount = writes.length;
  }
}

const turns = () =>
  new Promise((resolve) => {
    setImmediate(() => setImmediate(resolve));
  });

function scene(rates: Rates = { messages: undefined, bytes: undefined }) {
  const clock = new FakeClock();
  const ended: number[] = [];
  const latencies: number[] = [];
  const turnClock = new TurnClock(clock);
  const throttle = new Throttle(turnClock, new RateClasses(rates, ["fast=3", "free=0"]));
  const parts = {
    clock: turnClock,
    flusher: new Flusher(turnClock, { flushIntervalMs: 2 }, { record: (latencyMs) => void latencies.push(latencyMs) }),
    pacing: new Pacing(turnClock),
    throttle,
  };
  const socket = new HeldSocket();
  const link = new WebSocketLink(parts, socket, {
    maxFrameBytes: 1000,
    closeTimeoutMs: 500,
    stalledReaderTimeoutMs: 10_000,
    slowReaderTimeoutMs: 15_000,
    slowReaderBytesPerSecond: 4096,
  });
  const received: string[] = [];
  const owner = {
    receive: (bytes: Uint8Array) => void received.push(Buffer.from(bytes).toString()),
    hungUp: () => undefined,
    ended: (closeCode: number) => void ended.push(closeCode),
  };
  link.attach(owner, Buffer.alloc(0));
  /** Time passes, and the relay looks at it. */
  const pass = (durationMs: number) => {
    clock.advance(durationMs);
    turnClock.tick();
  };
  return { clock, socket, link, received, ended, throttle, latencies, parts, pass };
}

const frame = (text: string) => Buffer.from(text);

it("writes all frames of one turn at once", async () => {
  const { socket, link } = scene();

  for (const text of ["a", "b", "c"]) link.send(frame(text));
  await turns();

  expect(socket.writes.map(String)).toEqual(["abc"]);
});

it("has one write under way, and sends what came meanwhile in the next", async () => {
  const { socket, link } = scene();
  link.send(frame("first"));
  await turns();

  link.send(frame("second"));
  await turns();
  link.send(frame("third"));
  await turns();
  const whileHeld = socket.writes.length;
  const bufferedBytes = link.bufferedBytes;
  await socket.complete();

  // What waits costs more than its bytes: 256 for each frame.
  expect([whileHeld, bufferedBytes]).toEqual([1, 5 + 11 + 2 * 256]);
  expect(socket.writes.map(String)).toEqual(["first", "secondthird"]);
  await socket.complete();
  expect([link.bufferedBytes, link.bytesOut]).toEqual([0, 16]);
});

it("follows one frame at a time that has to wait, and tells how long it took until it was written", async () => {
  const { clock, socket, link, latencies, parts } = scene();
  link.send(frame("under way"));
  await turns();
  const receive = (text: string) => link.send(frame(text), { mayWait: false, receivedAtMs: parts.clock.tick() });

  receive("followed");
  clock.advance(40);
  receive("not followed");
  clock.advance(60);
  await socket.complete();
  const whileItWaits = [...latencies];
  clock.advance(5);
  await socket.complete();

  expect(whileItWaits).toEqual([]);
  expect(latencies).toEqual([105]);
});

it("sends pongs and pings before data that waits, and the close frame after it", async () => {
  const { socket, link } = scene();
  link.send(frame("under way."));
  await turns();
  link.send(frame("data."));

  link.read(encodeFrame({ opcode: Opcode.ping, payload: "?" }));
  link.ping();
  link.close(1012, "bye");
  await socket.complete();

  expect(socket.written()).toBe("under way.\x8a\x01?\x89\x00data.\x88\x05\x03\xf4bye");
});

it("cuts what waits into fragments of bounded size with pings between, in order, and calls back when little is left", async () => {
  const { socket, link } = scene();
  const messages = Array.from({ length: 5 }, (_, index) => Buffer.alloc(100_000, `${index}`));
  let leftBytes = -1;
  link.send(messageFrame("binary", frame("first")));
  await turns();
  for (const message of messages) link.send(messageFrame("binary", message));
  link.whenBelow(250_512, () => {
    leftBytes = link.bufferedBytes;
  });

  const client = new AnsweringClient(link);
  for (let count = 0; count < 100 && link.bufferedBytes > 0; count += 1) {
    await socket.complete();
    client.readAll(socket.writes);
    await turns();
  }

  // A piece of 16 KiB with its header, and a numbered ping; then of twice as much, since the pong came at once.
  expect(socket.writes.slice(1, 3).map(({ length }) => length)).toEqual([16_384 + 4 + 6, 32_768 + 4 + 6]);
  expect(Math.max(...socket.writes.map(({ length }) => length))).toBeLessThan(131_072 + 16);
  expect(client.messages).toEqual(["first", ...messages.map((message) => message.toString("latin1", 0, 64))]);
  expect(leftBytes).toBeGreaterThan(180_000);
  expect(leftBytes).toBeLessThanOrEqual(250_512);
});

it("gives no more than a window to a reader that answers no pings, and after 10 s as much as the kernel takes", async () => {
  const { socket, link, pass } = scene();
  const send = () => link.send(messageFrame("binary", Buffer.alloc(100_000)));
  for (let count = 0; count < 8; count += 1) send();
  const completeAll = async () => {
    for (let count = 0; count < 100; count += 1) await socket.complete();
    return link.bufferedBytes;
  };
  await turns();

  const whileAsked = await completeAll();
  pass(9_900);
  link.judge();
  const stillAsked = await completeAll();
  pass(200);
  const fault = link.judge();
  await turns();
  const afterwards = await completeAll();

  expect(whileAsked).toBeGreaterThan(500_000);
  expect([stillAsked, fault, afterwards]).toEqual([whileAsked, undefined, 0]);
});

it("gives up its window for one that answers no pings though nobody judges it, when it is looked after", async () => {
  const { socket, link, pass } = scene();
  for (let count = 0; count < 3; count += 1) link.send(messageFrame("binary", Buffer.alloc(100_000)));
  await turns();
  for (let count = 0; count < 100; count += 1) await socket.complete();
  const whileAsked = link.bufferedBytes;

  pass(10_000);
  link.wasHeard();
  await turns();
  for (let count = 0; count < 100; count += 1) await socket.complete();

  expect(whileAsked).toBeGreaterThan(0);
  expect(link.bufferedBytes).toBe(0);
});

it("judges one that was freed by another's end from then on, before it is read again", async () => {
  const { socket, link, pass } = scene();
  for (let count = 0; count < 8; count += 1) link.send(messageFrame("binary", Buffer.alloc(100_000)));
  await turns();
  link.pause();
  link.judge();
  for (let atMs = 0; atMs < 30_000; atMs += 500) {
    pass(500);
    if (atMs < 29_000) expect(link.judge()).toBeUndefined();
  }

  const before = link.judge();
  link.resume({ isFreed: true });
  const after = link.judge();

  expect([before, after]).toEqual(["stalled", undefined]);
  expect(socket.writes.length).toBeGreaterThan(0);
});

it("sends no pings of its own while it is paused, and one when it is read again", async () => {
  const { clock, socket, link } = scene();
  link.pause();
  for (let count = 0; count < 8; count += 1) link.send(messageFrame("binary", Buffer.alloc(10_000)));
  link.ping();
  await turns();
  for (let count = 0; count < 20; count += 1) await socket.complete();
  const client = new AnsweringClient(link);
  client.readAll(socket.writes);
  const whilePaused = client.pingCount;

  clock.advance(1000);
  link.resume({ isFreed: false });
  link.send(messageFrame("binary", frame("more")));
  await turns();
  await turns();
  client.readAll(socket.writes);

  expect([whilePaused, client.pingCount, client.messages.at(-1)]).toEqual([0, 1, "more"]);
});

it("reads nothing while it is paused, then goes on in order", async () => {
  const { link, received } = scene();
  const [first, second, third] = ["1", "2", "3"].map((payload) => encodeFrame({ payload }));

  link.read(first ?? frame(""));
  link.pause();
  link.read(Buffer.concat([second ?? frame(""), third ?? frame("")]));
  const whilePaused = [...received];
  link.resume({ isFreed: false });
  await turns();

  expect(whilePaused).toEqual(["1"]);
  expect(received).toEqual(["1", "2", "3"]);
});

it("sends nothing more once it is closing, and gives up on a peer that does not answer", async () => {
  const { clock, socket, link, ended } = scene();
  link.close(1008, "no");
  link.send(frame("late"));
  link.close(1012, "again");
  await turns();
  await socket.complete();

  clock.advance(499);
  const isDestroyedBefore = socket.destroyed;
  clock.advance(1);
  await turns();

  expect(isDestroyedBefore).toBe(false);
  expect(socket.written()).toBe("\x88\x04\x03\xf0no");
  expect([socket.destroyed, ended]).toEqual([true, [1008]]);
});

it("counts silence only while it reads", () => {
  const { link } = scene();
  const atFirst = link.wasHeard();
  const silent = link.wasHeard();

  link.pause();
  const whilePaused = [link.wasHeard(), link.wasHeard()];
  link.resume({ isFreed: false });

  expect([atFirst, silent, whilePaused]).toEqual([true, false, [true, true]]);
  expect([link.wasHeard(), link.wasHeard()]).toEqual([true, false]);
});

/** So many messages in one chunk, numbered from 1. */
const messages = (count: number) =>
  Buffer.concat(Array.from({ length: count }, (_, index) => encodeFrame({ payload: String(index + 1) })));
const MESSAGE_RATE: Rates = { messages: { perSecond: 10, burst: 2 }, bytes: undefined };

it("is read again only when no topic, no rate and no session keeps it from it", async () => {
  const { clock, link, received } = scene();
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
  const { clock, link, received, throttle } = scene(MESSAGE_RATE);
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
  const { clock, link, received } = scene({ messages: undefined, bytes: { perSecond: 1000, burst: 100 } });

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
  const { clock, socket, link } = scene(MESSAGE_RATE);
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
  const { clock, link } = scene(MESSAGE_RATE);
  link.wasHeard();
  link.read(messages(3));

  const whileWaiting = [link.wasHeard(), link.wasHeard()];
  clock.advance(1000);

  expect(whileWaiting).toEqual([true, true]);
  expect([link.wasHeard(), link.wasHeard()]).toEqual([true, false]);
});

it("hears the answer to its close although the peer is above its rate, and leaves nobody waiting", async () => {
  const { link, socket, ended, throttle } = scene(MESSAGE_RATE);
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
  const { link, socket, throttle } = scene(MESSAGE_RATE);
  link.read(messages(3));

  socket.destroy();
  await turns();

  expect(throttle.waitingCount).toBe(0);
});

it("lets a class send its multiple of the rate, and one without limits what it likes", () => {
  const received = [undefined, "unknown", "fast", "free"].map((rateClass) => {
    const { link, received: ofLink } = scene(MESSAGE_RATE);
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
  const { clock, link, received } = scene(MESSAGE_RATE);
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
    const { clock, link, received } = scene();
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
