import { Socket } from "node:net";
import { expect, it } from "vitest";
import { Flusher } from "../../relay/websocket/flusher.ts";
import { WebSocketLink } from "../../relay/websocket/link.ts";
import { Pacing } from "../../relay/websocket/pacing.ts";
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

const turns = () =>
  new Promise((resolve) => {
    setImmediate(() => setImmediate(resolve));
  });

function scene() {
  const clock = new FakeClock();
  const ended: number[] = [];
  const parts = {
    clock,
    flusher: new Flusher(clock, { flushIntervalMs: 2 }),
    pacing: new Pacing(clock),
    onDefect: () => undefined,
    onEnd: (_link: WebSocketLink, closeCode: number) => void ended.push(closeCode),
  };
  const socket = new HeldSocket();
  const link = new WebSocketLink(parts, socket, 1, { maxFrameBytes: 1000, closeTimeoutMs: 500 });
  const received: string[] = [];
  const session = {
    hasJoined: true,
    receive: (bytes: Uint8Array) => void received.push(Buffer.from(bytes).toString()),
    announceRestart: () => undefined,
    end: () => undefined,
  };
  link.attach(session, Buffer.alloc(0));
  return { clock, socket, link, received, ended };
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
  expect([link.bufferedBytes, link.drainedBytes]).toEqual([0, 16]);
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

it("cuts what waits into writes of bounded size, in order, and calls back when little is left", async () => {
  const { socket, link } = scene();
  const large = Array.from({ length: 5 }, (_, index) => Buffer.alloc(100_000, `${index}`));
  let leftBytes = -1;
  link.send(frame("first"));
  await turns();
  for (const bytes of large) link.send(bytes);
  link.whenBelow(250_512, () => {
    leftBytes = link.bufferedBytes;
  });

  for (let count = 0; count < 6; count += 1) await socket.complete();

  expect(socket.writes.map(({ length }) => length)).toEqual([5, 100_000, 100_000, 100_000, 100_000, 100_000]);
  expect(socket.written()).toBe(`first${large.join("")}`);
  expect(leftBytes).toBe(200_000 + 2 * 256);
});

it("reads nothing while it is paused, then goes on in order", async () => {
  const { link, received } = scene();
  const [first, second, third] = ["1", "2", "3"].map((payload) => encodeFrame({ payload }));

  link.read(first ?? frame(""));
  link.pause();
  link.read(Buffer.concat([second ?? frame(""), third ?? frame("")]));
  const whilePaused = [...received];
  link.resume();
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
  link.resume();

  expect([atFirst, silent, whilePaused]).toEqual([true, false, [true, true]]);
  expect([link.wasHeard(), link.wasHeard()]).toEqual([true, false]);
});
