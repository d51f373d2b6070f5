import { expect, it } from "vitest";
import { Uploads } from "../../relay/polling/uploads.ts";
import { FakeClock } from "../support/fake-clock.ts";

const ASKED_AGAIN = Buffer.alloc(0);

function scene() {
  const clock = new FakeClock();
  const taken: string[] = [];
  const told: string[] = [];
  const reader = {
    isReading: true,
    /** What it leaves for later. */
    isSlow: false,
    take(body: Buffer): boolean {
      taken.push(body.toString());
      return !reader.isSlow;
    },
  };
  const uploads = new Uploads(clock, reader);
  const come = (number: number, body: string | Buffer, who = `${number}`): void =>
    uploads.came(number, Buffer.from(body), (verdict) => told.push(`${who} ${verdict}`));
  return { clock, reader, uploads, taken, told, come };
}

it("takes each number once and in order, and says so to every copy, also late", () => {
  const { taken, told, come } = scene();

  come(1, "b");
  come(0, "a");
  come(0, "a", "copy");
  come(1, "b", "late copy");

  expect(taken).toEqual(["a", "b"]);
  expect(told).toEqual(["0 applied", "1 applied", "copy applied", "late copy applied"]);
});

it("tells copies that wait the same, once it is taken", () => {
  const { reader, uploads, taken, told, come } = scene();
  reader.isReading = false;

  for (const who of ["first", "second", "third", "fourth", "fifth"]) come(0, "a", who);
  const before = [...told];
  reader.isReading = true;
  uploads.takeNext();

  expect([before, taken]).toEqual([[], ["a"]]);
  expect(told).toEqual(["first", "second", "third", "fourth", "fifth"].map((who) => `${who} applied`));
});

it("says not yet before a proxy has waited for 5 s, and takes it once, later", () => {
  const { clock, reader, uploads, taken, told, come } = scene();
  reader.isReading = false;
  come(0, "a");

  clock.advance(4999);
  come(0, ASKED_AGAIN, "again");
  reader.isReading = true;
  uploads.takeNext();

  expect(told).toEqual(["0 not-yet", "again applied"]);
  expect(taken).toEqual(["a"]);
});

it("says what it does not have, so that an upload without a body is never taken for one", () => {
  const { clock, taken, told, come } = scene();

  come(0, ASKED_AGAIN);
  clock.advance(4999);
  come(0, "a", "sent again");

  expect(told).toEqual(["0 missing", "sent again applied"]);
  expect(taken).toEqual(["a"]);
});

it("waits for the end of a body that is taken in part", () => {
  const { reader, uploads, told, taken, come } = scene();
  reader.isSlow = true;
  come(0, "a");
  come(1, "b");
  const before = [...told];

  reader.isSlow = false;
  uploads.taken();
  uploads.takeNext();

  expect(before).toEqual([]);
  expect(taken).toEqual(["a", "b"]);
  expect(told).toEqual(["0 applied", "1 applied"]);
});

it("lets no number come that is further ahead than two", () => {
  const { uploads, come } = scene();

  const atFirst = [0, 1, 2].map((number) => uploads.mayCome(number));
  come(0, "a");

  expect(atFirst).toEqual([true, true, false]);
  expect([0, 1, 2, 3].map((number) => uploads.mayCome(number))).toEqual([true, true, true, false]);
});

it("refuses what it has not taken when the conversation is over, and says of the rest what it was", () => {
  const { reader, uploads, told, come } = scene();
  come(0, "a");
  reader.isReading = false;
  come(1, "b");

  uploads.end();
  come(0, "a", "copy of 0");
  come(1, "b", "copy of 1");
  come(2, "c");

  expect(told).toEqual(["0 applied", "1 refused", "copy of 0 applied", "copy of 1 refused", "2 refused"]);
});

it("lets so many copies wait and no more: the oldest is told to ask again", () => {
  const { reader, told, come } = scene();
  reader.isReading = false;

  for (let count = 0; count < 9; count += 1) come(0, "a", `copy ${count}`);

  expect(told).toEqual(["copy 0 not-yet"]);
});
