import fc from "fast-check";
import { expect, it } from "vitest";
import { Ledger } from "../../scripts/kill-test/ledger.ts";
import { decodeMessage, encodeMessage } from "../../scripts/kill-test/message.ts";
import { Recovery } from "../../scripts/kill-test/recovery.ts";

const NOTHING = { lostSilently: 0, lostTold: 0, toldInVain: 0, doubled: 0, reordered: 0, strange: 0, refused: 0 };

/** Three members; the first has sent this many messages, the n-th at the moment n. */
function ledgerOf(sentCount: number): Ledger {
  const ledger = new Ledger(3);
  for (let atMs = 1; atMs <= sentCount; atMs += 1) ledger.sent(0, atMs);
  return ledger;
}

/** Both others get these messages in this order, but for what one of them does not. */
function deliver(ledger: Ledger, seqs: readonly number[], withoutAtSecond: readonly number[] = []): void {
  for (const seq of seqs) {
    ledger.received(1, 0, seq);
    if (!withoutAtSecond.includes(seq)) ledger.received(2, 0, seq);
  }
}

it("finds nothing where everybody got everything once and in order", () => {
  const ledger = ledgerOf(3);

  deliver(ledger, [1, 2, 3]);

  expect(ledger.balance()).toEqual({ ...NOTHING, owed: 6 });
  expect(ledger.isComplete).toBe(true);
});

it("finds what one member never got, at the end as well as in the middle", () => {
  const ledger = ledgerOf(4);

  deliver(ledger, [1, 2, 3, 4], [2, 4]);

  expect(ledger.balance()).toEqual({ ...NOTHING, owed: 8, lostSilently: 2 });
  expect(ledger.isComplete).toBe(false);
});

it("finds a message that came twice, at once or much later", () => {
  const ledger = ledgerOf(3);

  deliver(ledger, [1, 1, 2, 3]);
  ledger.received(2, 0, 2);

  expect(ledger.balance()).toEqual({ ...NOTHING, owed: 6, doubled: 3 });
});

it("finds a message that came behind a later one, and does not count it as lost", () => {
  const ledger = ledgerOf(4);

  deliver(ledger, [1, 3, 4, 2]);

  expect(ledger.balance()).toEqual({ ...NOTHING, owed: 8, reordered: 2 });
});

it("tells losses that were told from silent ones, and what was told in vain", () => {
  const ledger = ledgerOf(5);
  deliver(ledger, [1, 5], [5]);

  ledger.told(1, 3, 6);
  ledger.told(2, 5, 6);

  expect(ledger.balance()).toEqual({ ...NOTHING, owed: 10, lostTold: 7, toldInVain: 1 });
});

it("takes a recovery that failed as told for what was sent until then, and for nothing behind it", () => {
  const ledger = ledgerOf(5);
  deliver(ledger, [1], [1]);

  ledger.told(1, undefined, 3);

  expect(ledger.balance()).toEqual({ ...NOTHING, owed: 10, lostTold: 2, lostSilently: 2 + 5 });
});

it("owes nobody what its sender knows to be refused", () => {
  const ledger = ledgerOf(2);

  deliver(ledger, [1]);
  ledger.refused(0, 2);

  expect(ledger.balance()).toEqual({ ...NOTHING, owed: 2, refused: 1 });
  expect(ledger.isComplete).toBe(true);
});

it("finds what nobody has sent: numbers of the future, own messages, members that are none", () => {
  const ledger = ledgerOf(1);
  deliver(ledger, [1]);

  ledger.received(1, 0, 2);
  ledger.received(0, 0, 1);
  ledger.received(1, 7, 1);
  ledger.received(1, 0, 0);

  expect(ledger.balance()).toEqual({ ...NOTHING, owed: 2, strange: 4 });
});

it("agrees with a plain count, whatever comes in whatever order", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 60 }), (seqs) => {
      const ledger = new Ledger(2);
      for (let atMs = 1; atMs <= 12; atMs += 1) ledger.sent(0, atMs);
      for (const seq of seqs) ledger.received(1, 0, seq);

      const first = seqs.filter((seq, at) => seqs.indexOf(seq) === at);
      expect(ledger.balance()).toEqual({
        ...NOTHING,
        owed: 12,
        lostSilently: 12 - first.length,
        doubled: seqs.length - first.length,
        reordered: first.filter((seq, at) => first.slice(0, at).some((before) => before > seq)).length,
      });
    }),
  );
});

it("measures until the last member has the last message of before, and something of after", () => {
  const ledger = ledgerOf(2);
  deliver(ledger, [1, 2], [1, 2]);
  const recovery = new Recovery(ledger, [0, 0, 0], 100);
  ledger.sent(0, 110);
  ledger.sent(1, 110);

  recovery.received(2, 0, 2, 120);
  recovery.received(2, 0, 1, 130);
  recovery.received(1, 0, 3, 140);
  recovery.received(2, 0, 3, 150);
  expect([recovery.caughtUpMs, recovery.backMs]).toEqual([30, undefined]);
  recovery.received(0, 1, 1, 160);

  expect([recovery.caughtUpMs, recovery.backMs]).toEqual([30, 60]);
});

it("does not make one recovery wait for what was lost before the one before", () => {
  const ledger = ledgerOf(2);
  deliver(ledger, [2]);
  const first = new Recovery(ledger, [0, 0, 0], 100);
  ledger.sent(0, 110);
  deliver(ledger, [3]);
  const second = new Recovery(ledger, first.heads, 200);

  expect([first.caughtUpMs, second.caughtUpMs]).toEqual([undefined, 0]);
});

it("knows its messages again, and none that was changed or cut", () => {
  const stamp = { kind: "counted", sender: 9, seq: 70_000, sentAtMs: 12.5 } as const;
  const bytes = encodeMessage(stamp, 200);

  expect(decodeMessage(bytes)).toEqual(stamp);
  expect(decodeMessage(bytes.subarray(0, 199))).toBeUndefined();
  expect(decodeMessage(bytes.with(150, 7))).toBeUndefined();
  expect(decodeMessage(new Uint8Array(3))).toBeUndefined();
});
