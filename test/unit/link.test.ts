import { expect, it } from "vitest";
import { WebSocketLink } from "../../relay/websocket/link.ts";
import { messageFrame } from "../../relay/wire/message-frame.ts";
import { ClientFrames } from "../support/client-frames.ts";
import { linkScene, turns } from "../support/link-scene.ts";
import { encodeFrame, Opcode } from "../support/raw-socket.ts";

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

const frame = (text: string) => Buffer.from(text);

it("writes all frames of one turn at once", async () => {
  const { socket, link } = linkScene();

  for (const text of ["a", "b", "c"]) link.send(frame(text));
  await turns();

  expect(socket.writes.map(String)).toEqual(["abc"]);
});

it("has one write under way, and sends what came meanwhile in the next", async () => {
  const { socket, link } = linkScene();
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
  const { clock, socket, link, latencies, parts } = linkScene();
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
  const { socket, link } = linkScene();
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
  const { socket, link } = linkScene();
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

  // A numbered ping; a piece of 16 KiB with its header and another; then of twice as much, since the pong came at once.
  expect(socket.writes.slice(1, 4).map(({ length }) => length)).toEqual([6, 16_384 + 4 + 6, 32_768 + 4 + 6]);
  expect(Math.max(...socket.writes.map(({ length }) => length))).toBeLessThan(131_072 + 16);
  expect(client.messages).toEqual(["first", ...messages.map((message) => message.toString("latin1", 0, 64))]);
  expect(leftBytes).toBeGreaterThan(180_000);
  expect(leftBytes).toBeLessThanOrEqual(250_512);
});

it("gives no more than a window to a reader that answers no pings, and after 10 s as much as the kernel takes", async () => {
  const { socket, link, pass } = linkScene();
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
  const { socket, link, pass } = linkScene();
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
  const { socket, link, pass } = linkScene();
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
  const { clock, socket, link } = linkScene();
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
  const { link, received } = linkScene();
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
  const { clock, socket, link, ended } = linkScene();
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
  const { link } = linkScene();
  const atFirst = link.wasHeard();
  const silent = link.wasHeard();

  link.pause();
  const whilePaused = [link.wasHeard(), link.wasHeard()];
  link.resume({ isFreed: false });

  expect([atFirst, silent, whilePaused]).toEqual([true, false, [true, true]]);
  expect([link.wasHeard(), link.wasHeard()]).toEqual([true, false]);
});
