import { EventEmitter } from "node:events";
import type { IncomingMessage } from "node:http";
import { expect, it } from "vitest";
import { keepToPace } from "../../relay/http/body-pace.ts";
import { FakeClock } from "../support/fake-clock.ts";

/** A request whose body comes as the test says, and when it was found too slow. */
function watched(graceMs: number, isEarning = true) {
  const clock = new FakeClock();
  const socket = { bytesRead: 1000, destroyed: false };
  const request = Object.assign(new EventEmitter(), { socket, complete: false });
  const startedAtMs = clock.monotonicMs();
  const tooSlowAtMs: number[] = [];
  keepToPace(request as unknown as IncomingMessage, { clock, graceMs, isEarning }, () =>
    tooSlowAtMs.push(clock.monotonicMs() - startedAtMs),
  );
  /** Lets so many seconds pass, with so many bytes in each. */
  const bring = (bytes: number, seconds: number) => {
    for (let second = 0; second < seconds; second += 1) {
      socket.bytesRead += bytes;
      clock.advance(1000);
    }
  };
  return { request, socket, tooSlowAtMs, bring };
}

it("lets a mebibyte come at 256 kbit/s, which takes more than three times the grace", () => {
  const { request, tooSlowAtMs, bring } = watched(10_000);

  bring(32_768, 32);
  request.complete = true;
  bring(0, 600);

  expect(tooSlowAtMs).toEqual([]);
});

it("lets a body of any length come that keeps the least pace, and ends one that is slower when its grace is used up", () => {
  const steady = watched(10_000);
  const slow = watched(10_000);

  steady.bring(4096, 3600);
  slow.bring(2048, 60);

  expect(steady.tooSlowAtMs).toEqual([]);
  // At half the pace each second costs half a second of the grace.
  expect(slow.tooSlowAtMs).toEqual([21_000]);
});

it("ends a body when the grace is over, however fast it comes, where it earns nothing", () => {
  const { tooSlowAtMs, bring } = watched(10_000, false);

  bring(1_000_000, 60);

  expect(tooSlowAtMs).toEqual([11_000]);
});

it("ends a body that does not come once the grace is over, and says so once", () => {
  const { tooSlowAtMs, bring } = watched(10_000);

  bring(0, 60);

  expect(tooSlowAtMs).toEqual([11_000]);
});

it("gives the whole grace, and nothing for what came before the body", () => {
  const { tooSlowAtMs, bring } = watched(2000);

  bring(0, 2);
  expect(tooSlowAtMs).toEqual([]);

  bring(0, 1);
  expect(tooSlowAtMs).toEqual([3000]);
});

it("says nothing once the sender is gone or the request is over", () => {
  const gone = watched(10_000);
  const over = watched(10_000);

  gone.socket.destroyed = true;
  over.request.emit("close");
  gone.bring(0, 60);
  over.bring(0, 60);

  expect([...gone.tooSlowAtMs, ...over.tooSlowAtMs]).toEqual([]);
});
