import { expect, it } from "vitest";
import { Batches } from "../../relay/polling/batches.ts";
import { PollProgress } from "../../relay/polling/poll-progress.ts";
import { Batch } from "../../relay/websocket/batch.ts";
import { SendQueue } from "../../relay/websocket/send-queue.ts";
import { messageFrame } from "../../relay/wire/message-frame.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { decodeFrames } from "../support/raw-socket.ts";

function scene({ maxBatchBytes = 1_048_576 } = {}) {
  const clock = new FakeClock();
  const queue = new SendQueue(Batch.empty());
  const batches = new Batches(clock, queue, { maxBatchBytes });
  const answered: (readonly [string, Buffer])[] = [];
  const ask = (number: number, who = `${number}`): void => {
    const poll = {
      answer: (batch: Uint8Array) => void answered.push([who, Buffer.from(batch)]),
      gone: () => void answered.push([`${who} gone`, Buffer.alloc(0)]),
    };
    batches.ask(number, poll, 20_000);
    batches.give();
  };
  const say = (text: string): void => queue.append(messageFrame("text", Buffer.from(text)));
  const shown = () =>
    answered.map(
      ([who, bytes]) =>
        `${who}: ${decodeFrames(bytes)
          .map(({ payload }) => payload.toString())
          .join()}`,
    );
  return { clock, queue, batches, answered, ask, say, shown };
}

it("gives the same bytes as often as they are asked for, until the client has them", () => {
  const { batches, ask, say, answered, shown } = scene();
  say("one");
  ask(0, "first");
  say("two");

  ask(0, "copy");
  ask(1, "next");
  const confirmedBytes = batches.confirm(1);
  ask(0, "late copy");

  expect(shown()).toEqual(["first: one", "copy: one", "next: two", "late copy: "]);
  expect(confirmedBytes).toBe(answered[0]?.[1].length);
  expect([batches.readBytes, batches.keptBytes]).toEqual([5, 5]);
});

it("answers a poll that waits as soon as there is something, the lower number first", () => {
  const { batches, ask, say, shown } = scene();
  ask(1);
  ask(0);

  say("one");
  batches.give();
  say("two");
  batches.give();

  expect(shown()).toEqual(["0: one", "1: two"]);
});

it("answers with nothing when the time is over, and takes the number for given by nobody", () => {
  const { clock, ask, say, shown } = scene();
  ask(0, "first");

  clock.advance(20_000);
  say("one");
  ask(0, "again");

  expect(shown()).toEqual(["first: ", "again: one"]);
});

it("lets a later poll take the place of one that waits for the same", () => {
  const { batches, ask, say, shown } = scene();
  ask(0, "first");
  ask(0, "copy");

  say("one");
  batches.give();

  expect(shown()).toEqual(["first: ", "copy: one"]);
});

it("lets nobody ask for more than two ahead, or confirm what was never given", () => {
  const { batches, ask, say } = scene();
  say("one");
  ask(0);

  expect([batches.confirm(2), batches.mayAsk(1), batches.mayAsk(2)]).toEqual([undefined, true, false]);
  batches.confirm(1);
  expect([batches.mayAsk(2), batches.mayAsk(3)]).toEqual([true, false]);
});

it("cuts a large frame into batches of a bound, which are one stream", () => {
  const { clock, queue, batches, ask, answered } = scene({ maxBatchBytes: 65_536 });
  const payload = Buffer.alloc(300_000, 7);
  queue.append(messageFrame("binary", payload));

  for (let number = 0; number < 12; number += 1) {
    batches.confirm(number);
    ask(number);
    clock.advance(100);
  }

  const bodies = answered.map(([, bytes]) => bytes).filter(({ length }) => length > 0);
  expect(decodeFrames(Buffer.concat(bodies)).map((frame) => frame.payload)).toEqual([payload]);
  expect(bodies[0]?.length).toBe(16_384);
  expect(Math.max(...bodies.map(({ length }) => length))).toBe(65_536);
});

it("makes batches smaller for a client that takes long for each", () => {
  const { clock, queue, batches, ask, answered } = scene();
  queue.append(messageFrame("binary", Buffer.alloc(100_000)));

  for (let number = 0; number < 4; number += 1) {
    batches.confirm(number);
    ask(number);
    clock.advance(5000);
  }

  expect(answered.map(([, { length }]) => length)).toEqual([16_384, 8192, 4096, 4096]);
});

it("tells polls that wait that it is over", () => {
  const { batches, ask, shown } = scene();
  ask(0);

  batches.end();

  expect(shown()).toEqual(["0 gone: "]);
});

it("judges a reader that confirms nothing of what waits as stalled, and one that confirms too little as slow", () => {
  const limits = { stalledReaderTimeoutMs: 10_000, slowReaderTimeoutMs: 15_000, slowReaderBytesPerSecond: 4096 };
  const verdictsOf = (bytesPerSecond: number): readonly unknown[] => {
    const progress = new PollProgress(limits);
    progress.waits(0);
    const verdicts = [];
    for (let nowMs = 250; nowMs <= 16_000; nowMs += 250) {
      if (nowMs % 1000 === 0) progress.confirmed(bytesPerSecond, false, nowMs);
      verdicts.push(progress.judge(nowMs));
    }
    return verdicts.filter((verdict) => verdict !== undefined);
  };

  expect([...new Set(verdictsOf(0))]).toEqual(["stalled"]);
  expect(verdictsOf(1000)).toEqual(["slow"]);
  expect(verdictsOf(8192)).toEqual([]);
});
