import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { Writable } from "node:stream";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it, onTestFinished } from "vitest";
import { LogDestination, MAX_LOG_BACKLOG_BYTES } from "../../relay/observability/log-destination.ts";
import { openLog } from "../../relay/observability/logger.ts";

/** A stream that takes lines when it is told to, and fails when it is told to; like those of a process, it goes on after that. */
class Pipe extends Writable {
  readonly taken: string[] = [];
  readonly #waiting: (() => void)[] = [];
  isStalled = false;
  error: Error | undefined;

  constructor() {
    super({ decodeStrings: false });
  }

  override write(chunk: unknown, done: unknown): boolean {
    const end = done as (error?: Error) => void;
    const take = (): void => {
      const { error } = this;
      if (error === undefined) this.taken.push(String(chunk));
      queueMicrotask(() => end(error));
    };
    if (this.isStalled) this.#waiting.push(take);
    else take();
    return true;
  }

  async resume(): Promise<void> {
    this.isStalled = false;
    for (const take of this.#waiting.splice(0)) take();
    await settled();
  }
}

const settled = () =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

function scene() {
  const pipe = new Pipe();
  const told: number[] = [];
  const destination: LogDestination = new LogDestination(pipe, (lostLineCount) => {
    told.push(lostLineCount);
    destination.write(`lost ${lostLineCount}\n`);
  });
  return { pipe, told, destination };
}

const LINE = `${"x".repeat(1023)}\n`;
const LINES_THAT_WAIT = MAX_LOG_BACKLOG_BYTES / 1024;

it("keeps what waits up to its bound, loses what is above, and tells how much when the reader is back", async () => {
  const { pipe, told, destination } = scene();
  pipe.isStalled = true;

  for (let count = 0; count < LINES_THAT_WAIT; count += 1) destination.write(LINE);
  expect(destination.lostLineCount).toBe(0);
  for (let count = 0; count < 3; count += 1) destination.write(LINE);
  expect(destination.lostLineCount).toBe(3);
  await pipe.resume();

  expect(pipe.taken).toEqual([...Array.from({ length: LINES_THAT_WAIT }, () => LINE), "lost 3\n"]);
  expect(told).toEqual([3]);
});

it("counts bytes and not letters", () => {
  const { pipe, destination } = scene();
  pipe.isStalled = true;

  destination.write(`${"\u20ac".repeat(MAX_LOG_BACKLOG_BYTES / 3)}\n`);
  destination.write("xx\n");

  expect(destination.lostLineCount).toBe(1);
});

it("loses the lines that cannot be written, and begins anew on a line of its own", async () => {
  const { pipe, told, destination } = scene();

  pipe.error = new Error("ENOSPC");
  destination.write("a\n");
  destination.write("b\n");
  await settled();
  expect(destination.lostLineCount).toBe(2);
  pipe.error = undefined;
  destination.write("c\n");
  await settled();
  destination.write("d\n");
  await settled();

  expect(pipe.taken).toEqual(["\nc\n", "lost 2\n", "d\n"]);
  expect(told).toEqual([2]);
});

it("tells again what a lost report had to tell, and does not count the report", async () => {
  const { pipe, told, destination } = scene();

  pipe.error = new Error("EPIPE");
  destination.write("a\n");
  await settled();
  pipe.error = undefined;
  destination.write("b\n");
  pipe.error = new Error("EPIPE");
  await settled();
  expect(told).toEqual([1]);
  pipe.error = undefined;
  destination.write("c\n");
  await settled();

  expect(told).toEqual([1, 1]);
  expect(destination.lostLineCount).toBe(1);
  expect(pipe.taken.at(-1)).toBe("lost 1\n");
});

it("says as a warning in the log itself how many lines were lost; and nothing at a level above that", async () => {
  for (const [level, expected] of [
    ["info", ["first", "log lines were lost", "second"]],
    ["error", ["first", "second"]],
  ] as const) {
    const pipe = new Pipe();
    const { log, destination } = openLog(level, pipe);
    pipe.error = new Error("ENOSPC");
    log.error("lost");
    await settled();
    pipe.error = undefined;
    for (const message of ["first", "second"]) {
      log.error(message);
      await settled();
    }

    expect(pipe.taken.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual(expected);
    expect(destination.lostLineCount).toBe(1);
  }
});

it("is settled when nothing waits, whatever became of it", async () => {
  const { pipe, destination } = scene();
  await destination.settled();
  pipe.isStalled = true;
  pipe.error = new Error("EPIPE");
  destination.write("a\n");
  const order: string[] = [];
  const wait = async (): Promise<void> => {
    await destination.settled();
    order.push("settled");
  };
  const waiting = wait();

  await settled();
  order.push("read again");
  await pipe.resume();
  await waiting;

  expect(order).toEqual(["read again", "settled"]);
});

it.each([
  ["short lines", `{"level":"info","time":"2026-11-20T20:44:02.919Z","msg":"x"}\n`],
  ["long lines with letters of two bytes", `{"msg":"\u20ac${"x".repeat(2000)}"}\n`],
])("holds no more than the memory that the relay's bound has for it, full of %s", async (_what, line) => {
  const server = createServer((socket) => socket.pause());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  onTestFinished(() => {
    socket.destroy();
    server.close();
  });
  await once(socket, "connect");
  // What the kernel takes is not ours; what comes behind it waits.
  while (socket.write(Buffer.alloc(65_536))) await settled();
  await settled();
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const destination = new LogDestination(socket, () => undefined);
  collect();
  await settled();
  collect();
  const before = process.memoryUsage();

  for (let count = 0; count < 100_000; count += 1) destination.write(`${line.slice(0, -1)}${count % 10}\n`);
  await settled();
  collect();
  const after = process.memoryUsage();

  expect(destination.lostLineCount).toBeGreaterThan(0);
  expect(after.heapUsed - before.heapUsed + after.external - before.external).toBeLessThan(6 * MAX_LOG_BACKLOG_BYTES);
});
