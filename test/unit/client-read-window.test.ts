import { expect, it } from "vitest";
import { LaneReceiver } from "../../client/delivery/lane-receiver.ts";
import { ReadWindow, WindowPool } from "../../client/streams/read-window.ts";
import { FakeClock } from "../support/fake-clock.ts";

const MEBIBYTE = 1024 * 1024;
const MIN_BYTES = 64 * 1024;

/** Windows that share so much. */
function scene(sharedBytes: number) {
  const clock = new FakeClock();
  const pool = new WindowPool(sharedBytes);
  const open = () => {
    const receiver = new LaneReceiver(1, 0);
    const window = new ReadWindow(clock, pool, receiver);
    window.open();
    window.measured(100);
    return { receiver, window };
  };
  /** An app that reads as fast as it can for so many round trips. */
  const readFor = ({ receiver, window }: ReturnType<typeof open>, roundTrips: number): void => {
    for (let count = 0; count < roundTrips * 4; count += 1) {
      const bytes = receiver.byteLimit;
      window.hold(bytes);
      clock.advance(25);
      window.read(bytes);
    }
  };
  return { clock, open, readFor };
}

it("doubles while it is read in less than four round trips, up to 16 MiB", () => {
  const { open, readFor } = scene(64 * MEBIBYTE);
  const one = open();
  expect(one.receiver.byteLimit).toBe(MEBIBYTE);

  readFor(one, 1);
  expect(one.receiver.byteLimit).toBe(16 * MEBIBYTE);
  readFor(one, 5);

  expect(one.receiver.byteLimit).toBe(16 * MEBIBYTE);
});

it("stays where the app reads a window in more than that", () => {
  const { clock, open } = scene(64 * MEBIBYTE);
  const { receiver, window } = open();
  for (let count = 0; count < 10; count += 1) {
    window.hold(MEBIBYTE);
    clock.advance(401);
    window.read(MEBIBYTE);
  }

  expect(receiver.byteLimit).toBe(MEBIBYTE);
});

it("gives another stream what it does not use, but for the first 1 MiB, and has back what has ended", () => {
  const { open, readFor } = scene(16 * MEBIBYTE);
  const large = open();
  readFor(large, 5);
  expect(large.receiver.byteLimit).toBe(16 * MEBIBYTE);

  const others = Array.from({ length: 20 }, open);
  const limits = others.map(({ receiver }) => receiver.byteLimit);
  expect(limits.slice(0, 14)).toEqual(Array(14).fill(MEBIBYTE));
  expect(limits.at(-1)).toBe(MIN_BYTES);
  expect(large.receiver.byteLimit).toBeGreaterThanOrEqual(MEBIBYTE);
  const sum = [large, ...others].reduce((bytes, { receiver }) => bytes + receiver.byteLimit, 0);
  expect(sum).toBeLessThanOrEqual(16 * MEBIBYTE + 21 * MIN_BYTES);
  for (const { window } of others) window.close();
  readFor(large, 5);

  expect(large.receiver.byteLimit).toBe(16 * MEBIBYTE);
});

it("keeps what is unread, whoever wants it: nothing that has come is more than the bound", () => {
  const { open, readFor } = scene(16 * MEBIBYTE);
  const full = open();
  readFor(full, 5);
  full.window.hold(15 * MEBIBYTE);

  const others = Array.from({ length: 5 }, open);

  expect(full.receiver.byteLimit).toBe(0);
  const sum = others.reduce((bytes, { receiver }) => bytes + receiver.byteLimit, 0);
  expect(sum).toBeLessThanOrEqual(MEBIBYTE + 6 * MIN_BYTES);
});
