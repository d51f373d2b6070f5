import { expect, it } from "vitest";
import { Probe } from "../../relay/session/probe.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { RecordingLink } from "../support/recording-link.ts";

function open() {
  const clock = new FakeClock();
  const link = new RecordingLink();
  const probe = new Probe(clock, link);
  const answers: boolean[] = [];
  const ask = () => probe.ask((isThere) => answers.push(isThere));
  return { clock, link, probe, answers, ask };
}

it("finds a client gone of which nothing comes for 10 s after the ping has left, and not before", () => {
  const { clock, link, answers, ask } = open();
  ask();
  link.isPingWaiting = true;
  clock.advance(3000);
  link.isPingWaiting = false;

  clock.advance(9999);
  expect([link.pingCount, answers]).toEqual([1, []]);
  clock.advance(251);

  expect([link.pingCount, answers]).toEqual([1, [false]]);
});

it("finds one there of which any byte comes, also at the last moment", () => {
  const { clock, link, answers, ask } = open();
  ask();
  clock.advance(9900);
  link.bytesIn += 1;

  clock.advance(250);

  expect(answers).toEqual([true]);
});

it("pings a client that is not read when it is read again, and gives it 10 s from then", () => {
  const { clock, link, answers, ask } = open();
  link.isRead = false;
  ask();
  clock.advance(9000);
  expect(link.pingCount).toBe(0);
  link.isRead = true;

  clock.advance(9900);
  expect([link.pingCount, answers]).toEqual([1, []]);
  clock.advance(600);

  expect(answers).toEqual([false]);
});

it("counts the 10 s anew where the client was not read meanwhile, and pings once", () => {
  const { clock, link, answers, ask } = open();
  ask();
  clock.advance(5000);
  link.isRead = false;
  clock.advance(1000);
  link.isRead = true;

  clock.advance(9500);
  expect(answers).toEqual([]);
  clock.advance(1000);

  expect([link.pingCount, answers]).toEqual([1, [false]]);
});

it.each(["isRead", "isPingWaiting"] as const)("finds one there of which nothing can be known for 20 s (%s)", (what) => {
  const { clock, link, answers, ask } = open();
  ask();
  link[what] = what === "isPingWaiting";

  clock.advance(19_900);
  expect(answers).toEqual([]);
  clock.advance(250);

  expect(answers).toEqual([true]);
});

it("pings once per 10 s, however many ask, and answers all of them", () => {
  const { clock, link, answers, ask } = open();

  for (let second = 0; second < 30; second += 1) {
    for (let asked = 0; asked < 1000; asked += 1) ask();
    link.bytesIn += 1;
    clock.advance(1000);
  }

  expect(link.pingCount).toBeLessThanOrEqual(3);
  expect(answers).toHaveLength(30_000);
  expect(answers).not.toContain(false);
});

it("finds a client gone though it is asked for 1,000 times a second, after it was there", () => {
  const { clock, link, answers, ask } = open();
  ask();
  link.bytesIn += 1;
  clock.advance(250);

  for (let second = 0; second < 21; second += 1) {
    for (let asked = 0; asked < 1000; asked += 1) ask();
    clock.advance(1000);
  }

  expect(link.pingCount).toBe(2);
  expect(answers).toContain(false);
});

it("tells nothing to who has taken its question back, and asks nobody once the connection is gone", () => {
  const { clock, probe, answers, ask } = open();
  const withdraw = ask();
  ask();
  withdraw();

  probe.end();
  probe.end();
  clock.advance(60_000);

  expect(answers).toEqual([false]);
});

it("does not answer from within the question, though the answer is known", () => {
  const { clock, link, answers, ask } = open();
  ask();
  link.bytesIn += 1;
  clock.advance(250);

  ask();

  expect(answers).toEqual([true]);
  clock.advance(0);
  expect(answers).toEqual([true, true]);
});
