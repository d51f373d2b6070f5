import { describe, expect, it } from "vitest";
import { ReadableStream as OwnReadable } from "../../client/bare/readable-stream.ts";
import { WritableStream as OwnWritable } from "../../client/bare/writable-stream.ts";

type Streams = { readonly Readable: typeof ReadableStream; readonly Writable: typeof WritableStream };

/** Node's are the standard's, and what this package puts in their place on Bare has to do the same. */
const IMPLEMENTATIONS: readonly (readonly [string, Streams])[] = [
  ["of Node", { Readable: ReadableStream, Writable: WritableStream }],
  ["for Bare", { Readable: OwnReadable, Writable: OwnWritable } as unknown as Streams],
];

/** Whether it has settled after all that is due has run. */
async function stateOf(promise: Promise<unknown>): Promise<string> {
  const settled = promise.then(
    () => "resolved",
    () => "rejected",
  );
  return Promise.race([
    settled,
    new Promise<string>((resolve) => {
      setImmediate(() => resolve("pending"));
    }),
  ]);
}

type Controller = WritableStreamDefaultController & { readonly signal?: AbortSignal };
type Sink = {
  readonly held: PromiseWithResolvers<void>[];
  readonly write: (chunk: unknown) => Promise<void> | undefined;
  readonly close: () => void;
  readonly abort: (reason: unknown) => void;
};

/** A sink that notes what is done to it, and whose writes wait until they are let go. */
function sinkOf(calls: unknown[]): Sink {
  const held: PromiseWithResolvers<void>[] = [];
  return {
    held,
    write: (chunk) => {
      calls.push(chunk);
      held.push(Promise.withResolvers());
      return held.at(-1)?.promise;
    },
    close: () => void calls.push("close"),
    abort: (reason) => void calls.push(["abort", reason]),
  };
}

describe.each(IMPLEMENTATIONS)("a readable stream %s", (_name, { Readable, Writable }) => {
  it("reads what it is given in order, and then its end", async () => {
    const stream = new Readable<string>({
      start(controller) {
        controller.enqueue("a");
        controller.enqueue("b");
        controller.close();
      },
    });
    const reader = stream.getReader();

    expect([await reader.read(), await reader.read(), await reader.read()]).toEqual([
      { done: false, value: "a" },
      { done: false, value: "b" },
      { done: true, value: undefined },
    ]);
    expect(await reader.closed).toBe(undefined);
  });

  it("asks for a chunk when one is wanted and no sooner, one at a time, where it may keep none", async () => {
    let asked = 0;
    const stream = new Readable<number>(
      { pull: (controller) => controller.enqueue((asked += 1)) },
      { highWaterMark: 0 },
    );
    const reader = stream.getReader();
    await stateOf(Promise.resolve());
    const before = asked;
    const reads = [reader.read(), reader.read(), reader.read()];

    expect(before).toBe(0);
    expect((await Promise.all(reads)).map(({ value }) => value)).toEqual([1, 2, 3]);
    expect(asked).toBe(3);
  });

  it("keeps as much as it may, by size", async () => {
    const sizes: (number | null)[] = [];
    const stream = new Readable<string>(
      {
        pull(controller) {
          controller.enqueue("four");
          sizes.push(controller.desiredSize);
        },
      },
      { highWaterMark: 10, size: (chunk) => chunk.length },
    );
    await stateOf(Promise.resolve());

    expect(sizes).toEqual([6, 2, -2]);
    await stream.cancel();
  });

  it("gives what waits for a chunk its error, and all who come later", async () => {
    const controllers: ReadableStreamDefaultController[] = [];
    const stream = new Readable({ start: (controller) => void controllers.push(controller) });
    const reader = stream.getReader();
    const read = reader.read();
    read.catch(() => undefined);
    controllers[0]?.error(new Error("broken"));

    await expect(read).rejects.toThrow("broken");
    await expect(reader.read()).rejects.toThrow("broken");
    await expect(reader.closed).rejects.toThrow("broken");
  });

  it("tells its source that it is cancelled, once, and ends for its reader", async () => {
    const reasons: unknown[] = [];
    const stream = new Readable({ cancel: (reason) => void reasons.push(reason) });
    const reader = stream.getReader();
    const read = reader.read();
    await reader.cancel("enough");
    await reader.cancel("again");

    expect([await read, reasons]).toEqual([{ done: true, value: undefined }, ["enough"]]);
  });

  it("has one reader at a time, which reads nothing once it has let go", async () => {
    const stream = new Readable();
    const reader = stream.getReader();
    const pending = reader.read();
    pending.catch(() => undefined);

    expect([stream.locked, () => stream.getReader()]).toEqual([true, expect.any(Function)]);
    expect(() => stream.getReader()).toThrow(TypeError);
    await expect(stream.cancel()).rejects.toThrow(TypeError);
    reader.releaseLock();
    await expect(pending).rejects.toThrow(TypeError);
    await expect(reader.read()).rejects.toThrow(TypeError);
    await expect(reader.closed).rejects.toThrow(TypeError);
    expect(stream.locked).toBe(false);
  });

  it("takes nothing behind its end", () => {
    const controllers: ReadableStreamDefaultController[] = [];
    const stream = new Readable({ start: (controller) => void controllers.push(controller) });
    controllers[0]?.close();

    expect(() => controllers[0]?.enqueue(1)).toThrow(TypeError);
    expect(() => controllers[0]?.close()).toThrow(TypeError);
    expect(stream.locked).toBe(false);
  });

  it("is cancelled by a loop that leaves it, and not by one that it has ended", async () => {
    const cancelled: unknown[] = [];
    const of = (count: number): ReadableStream<number> =>
      new Readable<number>({
        start(controller) {
          for (let number = 1; number <= count; number += 1) controller.enqueue(number);
          if (count < 3) controller.close();
        },
        cancel: () => void cancelled.push(count),
      });
    const read: number[] = [];
    for await (const number of of(2)) read.push(number);
    for await (const number of of(3)) {
      read.push(number);
      break;
    }

    expect([read, cancelled]).toEqual([[1, 2, 1], [3]]);
  });

  it("is piped whole, and closes its target", async () => {
    const calls: unknown[] = [];
    const target = new Writable({ write: (chunk) => void calls.push(chunk), close: () => void calls.push("close") });
    await new Readable<number>({
      start(controller) {
        for (const number of [1, 2, 3]) controller.enqueue(number);
        controller.close();
      },
    }).pipeTo(target as WritableStream<number>);

    expect([calls, target.locked]).toEqual([[1, 2, 3, "close"], false]);
  });

  it("is cancelled where its target fails, and aborts its target where it fails itself", async () => {
    const [cancelled, aborted]: [unknown[], unknown[]] = [[], []];
    const full = new Writable({ write: () => Promise.reject(new Error("disk full")) });
    const endless = new Readable({
      pull: (controller) => controller.enqueue(1),
      cancel: (reason) => void cancelled.push(reason),
    });
    const broken = new Readable({ pull: () => Promise.reject(new Error("torn")) });
    const sink = new Writable({ abort: (reason) => void aborted.push(reason) });

    await expect(endless.pipeTo(full)).rejects.toThrow();
    await expect(broken.pipeTo(sink)).rejects.toThrow("torn");
    expect([cancelled.length, aborted]).toEqual([1, [new Error("torn")]]);
  });
});

describe.each(IMPLEMENTATIONS)("a writable stream %s", (_name, { Writable }) => {
  it("does nothing to its sink before it is used", async () => {
    const calls: unknown[] = [];
    const stream = new Writable(sinkOf(calls));
    await stateOf(Promise.resolve());

    expect([calls, stream.locked]).toEqual([[], false]);
  });

  it("writes one chunk after the other, and closes behind them", async () => {
    const calls: unknown[] = [];
    const sink = sinkOf(calls);
    const writer = new Writable(sink).getWriter();
    const [first, second, closing] = [writer.write("a"), writer.write("b"), writer.close()];
    await stateOf(first);
    const atFirst = [...calls];
    sink.held[0]?.resolve();
    await first;
    await stateOf(second);
    sink.held[1]?.resolve();
    await Promise.all([second, closing, writer.closed]);

    expect([atFirst, calls]).toEqual([["a"], ["a", "b", "close"]]);
  });

  it("tells whether there is room", async () => {
    const sink = sinkOf([]);
    const writer = new Writable(sink, { highWaterMark: 2, size: () => 1 }).getWriter();
    await writer.ready;
    const sizes = [writer.desiredSize];
    const writes = [writer.write(1), writer.write(2)];
    sizes.push(writer.desiredSize);
    const states = [await stateOf(writer.ready)];
    sink.held[0]?.resolve();
    await writes[0];
    states.push(await stateOf(writer.ready));

    expect([sizes, states]).toEqual([
      [2, 0],
      ["pending", "resolved"],
    ]);
  });

  it("fails with its sink: what waits, what comes, and its end", async () => {
    const sink = sinkOf([]);
    const writer = new Writable(sink).getWriter();
    const [first, second] = [writer.write(1), writer.write(2)];
    for (const promise of [first, second, writer.closed, writer.ready]) promise.catch(() => undefined);
    await stateOf(first);
    sink.held[0]?.reject(new Error("broken"));

    await expect(first).rejects.toThrow("broken");
    await expect(second).rejects.toThrow("broken");
    await expect(writer.write(3)).rejects.toThrow("broken");
    await expect(writer.closed).rejects.toThrow("broken");
    await expect(writer.ready).rejects.toThrow("broken");
    await expect(writer.close()).rejects.toThrow(TypeError);
    expect(writer.desiredSize).toBe(null);
  });

  it("aborts at once for its sink's signal, and for the rest when the write under way is over", async () => {
    const calls: unknown[] = [];
    const sink = sinkOf(calls);
    let signal: AbortSignal | undefined;
    const stream = new Writable({ ...sink, start: (controller: Controller) => void ({ signal } = controller) });
    const writer = stream.getWriter();
    const [first, second] = [writer.write(1), writer.write(2)];
    for (const promise of [first, second, writer.closed, writer.ready]) promise.catch(() => undefined);
    await stateOf(first);
    const aborting = writer.abort("enough");
    const states = [signal?.aborted, signal?.reason, await stateOf(aborting)];
    sink.held[0]?.resolve();
    await aborting;

    expect(states).toEqual([true, "enough", "pending"]);
    expect(calls).toEqual([1, ["abort", "enough"]]);
    expect([await stateOf(first), await stateOf(second)]).toEqual(["resolved", "rejected"]);
    await expect(writer.closed).rejects.toBe("enough");
  });

  it("waits with its close for its sink, and fails where that fails", async () => {
    const closing = Promise.withResolvers<void>();
    const writer = new Writable({ close: () => closing.promise }).getWriter();
    const closed = writer.close();
    closed.catch(() => undefined);
    writer.closed.catch(() => undefined);
    const before = await stateOf(closed);
    closing.reject(new Error("the peer is gone"));

    expect(before).toBe("pending");
    await expect(closed).rejects.toThrow("the peer is gone");
    await expect(writer.closed).rejects.toThrow("the peer is gone");
  });

  it("fails when its controller says so, also where a close waits", async () => {
    const controllers: Controller[] = [];
    const sink = sinkOf([]);
    const stream = new Writable({ ...sink, start: (controller) => void controllers.push(controller) });
    const writer = stream.getWriter();
    const [write, close] = [writer.write(1), writer.close()];
    for (const promise of [write, close, writer.closed, writer.ready]) promise.catch(() => undefined);
    await stateOf(write);
    controllers[0]?.error(new Error("gone"));
    sink.held[0]?.resolve();

    await expect(close).rejects.toThrow("gone");
    await expect(writer.closed).rejects.toThrow("gone");
    expect(await stateOf(write)).toBe("resolved");
  });

  it("takes nothing behind its close, and has one writer at a time", async () => {
    const stream = new Writable();
    const writer = stream.getWriter();
    const closing = writer.close();

    await expect(writer.write(1)).rejects.toThrow(TypeError);
    await expect(writer.close()).rejects.toThrow(TypeError);
    await expect(stream.close()).rejects.toThrow(TypeError);
    await expect(stream.abort()).rejects.toThrow(TypeError);
    expect(() => stream.getWriter()).toThrow(TypeError);
    await closing;
    writer.releaseLock();
    await expect(writer.closed).rejects.toThrow(TypeError);
    expect(stream.locked).toBe(false);
    expect(await stream.getWriter().closed).toBe(undefined);
  });
});
