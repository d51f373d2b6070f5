import { pino } from "pino";
import { expect, it } from "vitest";
import { Feed } from "../../relay/store/feed.ts";
import { Mailboxes } from "../../relay/store/mailboxes.ts";
import { MemoryStore } from "../../relay/store/memory-store.ts";
import type { MailboxStore, StoredMessage } from "../../relay/store/ports.ts";
import { SteadyTime } from "../../relay/store/steady-time.ts";
import { StoreError } from "../../relay/store/store-error.ts";
import { eventually } from "../support/eventually.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { collector } from "../support/relay.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const OPTIONS = {
  mailboxTtlMs: DAY_MS,
  mailboxExpiryIntervalMs: HOUR_MS,
  mailboxMaxMessagesPerMailbox: 5000,
  mailboxMaxBytesPerMailbox: 0,
};

type Scene = {
  readonly mailboxes: Mailboxes;
  readonly clock: FakeClock;
  readonly store: MailboxStore;
  readonly log: readonly string[];
  readonly deposit: (text: string, mailbox?: string) => Promise<unknown>;
};

async function openMailboxes(store: MailboxStore = new MemoryStore({ maxMessages: 0, maxBytes: 0 })): Promise<Scene> {
  const clock = new FakeClock();
  const log: string[] = [];
  const mailboxes = new Mailboxes({ store, clock, log: pino(collector(log)) }, OPTIONS);
  await mailboxes.start();
  const deposit = (text: string, mailbox = "box"): Promise<unknown> =>
    mailboxes.deposit({ mailbox, id: text, data: new Uint8Array(Buffer.from(text)), note: "" });
  return { mailboxes, clock, store, log, deposit };
}

/** A reader that has room for so many messages at a time. */
class Reader {
  readonly texts: string[] = [];
  readonly failures: unknown[] = [];
  readonly mailbox = "box";
  readonly after = { rank: 0, sequence: 0 };
  caughtUpAt: number | undefined;
  room: number;

  constructor(room = Number.POSITIVE_INFINITY) {
    this.room = room;
  }

  readonly give = ({ data }: StoredMessage): boolean => {
    this.texts.push(Buffer.from(data).toString());
    this.room -= 1;
    return this.room > 0;
  };

  readonly caughtUp = (): void => {
    this.caughtUpAt = this.texts.length;
  };

  readonly failed = (error: unknown): void => {
    this.failures.push(error);
  };
}

it("gives a reader what waits, says when that was all, and then what comes", async () => {
  const { mailboxes, deposit } = await openMailboxes();
  const texts = Array.from({ length: 200 }, (_, index) => `${index}`);
  for (const text of texts) await deposit(text);
  const reader = new Reader();

  const feed = mailboxes.open(reader);
  await eventually(() => expect(reader.caughtUpAt).toBe(200));
  await deposit("live");
  await deposit("elsewhere", "other");

  await eventually(() => expect(reader.texts).toEqual([...texts, "live"]));
  expect(mailboxes.openCount).toBe(1);
  mailboxes.close(feed);
  mailboxes.close(feed);
  await deposit("later");
  expect([mailboxes.openCount, reader.texts.length]).toEqual([0, 201]);
  expect(mailboxes.counts()).toMatchObject({ deposited: 203, delivered: 201 });
});

it("keeps nothing in memory for a reader without room, and goes on where it was", async () => {
  const { mailboxes, deposit, store } = await openMailboxes();
  for (let index = 0; index < 1000; index += 1) await deposit(`${index}`);
  const reader = new Reader(10);
  const asked: number[] = [];
  const read = store.read.bind(store);
  Object.assign(store, {
    read: (request: Parameters<typeof read>[0]) => {
      asked.push(request.maxBytes);
      return read(request);
    },
  });

  const feed = mailboxes.open(reader);
  await eventually(() => expect(reader.texts).toHaveLength(10));
  for (let index = 0; index < 20; index += 1) await deposit(`more ${index}`);
  expect([reader.texts.length, asked.length]).toEqual([10, 1]);
  reader.room = Number.POSITIVE_INFINITY;
  feed.resume();

  await eventually(() => expect(reader.texts).toHaveLength(1020));
  expect(reader.texts.slice(8, 12)).toEqual(["8", "9", "10", "11"]);
  expect(Math.max(...asked)).toBeLessThanOrEqual(262_144);
});

it("gives two readers of a mailbox the same, each at its own pace", async () => {
  const { mailboxes, deposit } = await openMailboxes();
  const [fast, slow] = [new Reader(), new Reader(1)];
  mailboxes.open(fast);
  const slowFeed = mailboxes.open(slow);

  for (const text of ["a", "b", "c"]) await deposit(text);

  await eventually(() => expect([fast.texts, slow.texts]).toEqual([["a", "b", "c"], ["a"]]));
  slow.room = 9;
  slowFeed.resume();
  await eventually(() => expect(slow.texts).toEqual(["a", "b", "c"]));
});

it("tells a reader that the store has failed, and goes on when it is asked to", async () => {
  let failures = 1;
  const store = {
    read: () => {
      failures -= 1;
      return failures >= 0 ? Promise.reject(new StoreError("store-failed", "no")) : Promise.resolve([]);
    },
  };
  const reader = new Reader();
  const feed = new Feed({ store, nowMs: () => 0 }, reader);

  feed.wake();
  await eventually(() => expect(reader.failures).toHaveLength(1));
  feed.resume();

  await eventually(() => expect(reader.caughtUpAt).toBe(0));
});

it("removes what has expired once per interval, and keeps nothing longer than it may", async () => {
  const { mailboxes, clock, deposit, store } = await openMailboxes();
  await deposit("a day");
  const data = new Uint8Array(1);
  await mailboxes.deposit({ mailbox: "box", id: "an hour", data, note: "", expiresInMs: HOUR_MS });
  await mailboxes.deposit({ mailbox: "box", id: "a year", data, note: "", expiresInMs: 365 * DAY_MS });

  clock.advance(HOUR_MS);
  await eventually(() => expect(store.reading().messageCount).toBe(2));
  for (let hour = 2; hour <= 24; hour += 1) {
    clock.advance(HOUR_MS);
    await mailboxes.expire();
  }

  await eventually(() => expect(mailboxes.counts().expired).toBe(3));
  expect(store.reading().messageCount).toBe(0);
});

it("ends nothing early for a clock that jumps, and says that it did", async () => {
  const { mailboxes, clock, deposit, store, log } = await openMailboxes();
  await deposit("kept");

  clock.jumpEpoch(3650 * DAY_MS);
  await mailboxes.expire();

  expect(store.reading().messageCount).toBe(1);
  expect(log.join("")).toContain("the clock has jumped");
});

it("says what went wrong when the expiry fails, and tries again", async () => {
  const { mailboxes, store, log } = await openMailboxes();
  const expire = store.expire.bind(store);
  Object.assign(store, { expire: () => Promise.reject(new StoreError("store-disk-full", "full")) });

  await mailboxes.expire();
  Object.assign(store, { expire });
  await mailboxes.expire();

  expect(log.filter((line) => line.includes("could not be removed"))).toHaveLength(1);
  expect(log.join("")).toContain('"code":"store-disk-full"');
});

it("clears a mailbox in steps, and counts what could not be stored", async () => {
  const { mailboxes, store, deposit } = await openMailboxes();
  for (let index = 0; index < 1200; index += 1) await deposit(`${index}`);

  expect(await mailboxes.clear("box")).toBe(1200);
  expect(await mailboxes.remove({ mailbox: "box", id: "0" })).toBe(false);
  await store.close();
  await expect(deposit("late")).rejects.toThrow(StoreError);

  expect(mailboxes.counts()).toMatchObject({ deleted: 1200, failed: 1 });
});

it("warns of a store that goes with its container", async () => {
  const store = Object.assign(new MemoryStore({ maxMessages: 0, maxBytes: 0 }), { hazard: "container" as const });

  const { log } = await openMailboxes(store);

  expect(log.filter((line) => line.includes("on no disk of its own"))).toHaveLength(1);
});

it("tells an operator why the store does not open", async () => {
  const store = new MemoryStore({ maxMessages: 0, maxBytes: 0 });
  Object.assign(store, { open: () => Promise.reject(new StoreError("store-in-use", "another has it")) });

  await expect(openMailboxes(store)).rejects.toMatchObject({
    code: "MAILBOX_STORE_FAILED",
    message: "memory: store-in-use: another has it",
  });
});

it("follows a clock that is corrected by a little, and never goes back", () => {
  const clock = new FakeClock();
  const time = new SteadyTime(clock);
  const startMs = time.nowMs();

  clock.jumpEpoch(60_000);
  expect(time.nowMs()).toBe(startMs + 60_000);
  clock.jumpEpoch(-30_000);
  expect(time.nowMs()).toBe(startMs + 60_000);
  clock.advance(40_000);

  expect([time.nowMs(), time.isApart]).toEqual([startMs + 70_000, false]);
});

it.each([400 * DAY_MS, -400 * DAY_MS])(
  "believes a clock that jumped by %i ms when it stays there for a day",
  (jumpMs) => {
    const clock = new FakeClock();
    const time = new SteadyTime(clock);
    const startMs = time.nowMs();

    clock.jumpEpoch(jumpMs);
    expect([time.nowMs(), time.isApart]).toEqual([startMs, true]);
    clock.advance(DAY_MS - 1);
    expect(time.nowMs()).toBe(startMs + DAY_MS - 1);
    clock.advance(1);

    expect([time.nowMs(), time.isApart]).toEqual([startMs + jumpMs + DAY_MS, false]);
  },
);

it("is back with a clock that was set right again", () => {
  const clock = new FakeClock();
  const time = new SteadyTime(clock);
  const startMs = time.nowMs();

  clock.jumpEpoch(400 * DAY_MS);
  time.nowMs();
  clock.jumpEpoch(-400 * DAY_MS);
  clock.advance(5);

  expect([time.nowMs(), time.isApart]).toEqual([startMs + 5, false]);
});
