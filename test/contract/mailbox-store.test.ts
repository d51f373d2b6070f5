import { describe, expect, it } from "vitest";
import { MemoryStore } from "../../relay/store/memory-store.ts";
import type { MailboxStore, StoreLimits } from "../../relay/store/ports.ts";
import { StoreError } from "../../relay/store/store-error.ts";
import { depositOf, NOW_MS, readOf, recordOf, sqliteStore, storeDirectory, textsIn } from "../support/mailbox-store.ts";

const UNLIMITED: StoreLimits = { maxMessages: 0, maxBytes: 0 };

const kinds: Readonly<Record<string, (limits: StoreLimits) => Promise<MailboxStore>>> = {
  MemoryStore: async (limits) => new MemoryStore(limits),
  SqliteStore: async (limits) => sqliteStore(await storeDirectory(), { limits }),
};

describe.each(Object.entries(kinds))("%s", (_, create) => {
  const open = async (limits = UNLIMITED): Promise<MailboxStore> => {
    const store = await create(limits);
    await store.open();
    return store;
  };

  it("gives back what was deposited, byte by byte, oldest first", async () => {
    const store = await open();
    const data = Uint8Array.from({ length: 256 }, (_value, index) => index);

    await store.deposit(depositOf("first", { data, note: "n ä \u{1f6aa}", collapseKey: "c" }));
    await store.deposit(depositOf("empty", { data: new Uint8Array(0) }));

    const [first, second] = await store.read(readOf());
    expect(first).toMatchObject({ id: "id first", note: "n ä \u{1f6aa}", rank: 0, depositedAtMs: NOW_MS });
    expect([...(first?.data ?? [])]).toEqual(Array.from({ length: 256 }, (_value, index) => index));
    expect([second?.id, second?.data.length]).toEqual(["id empty", 0]);
    expect(second?.sequence).toBeGreaterThan(first?.sequence ?? 0);
  });

  it("keeps the order of deposits that come at once", async () => {
    const store = await open();
    const texts = Array.from({ length: 1500 }, (_value, index) => `${index}`);

    await Promise.all(texts.map((text) => store.deposit(depositOf(text))));

    expect(await textsIn(store, { maxCount: 2000 })).toEqual(texts);
  });

  it("keeps mailboxes apart", async () => {
    const store = await open();

    await store.deposit(depositOf("here"));
    await store.deposit(depositOf("there", { mailbox: "other" }));
    await store.remove({ mailbox: "other", id: "id here" });
    const [{ sequence } = { sequence: 0 }] = await store.read(readOf());
    await store.remove({ mailbox: "other", sequence });
    await store.clear({ mailbox: "other", maxCount: 10 });

    expect([await textsIn(store), await textsIn(store, { mailbox: "other" })]).toEqual([["here"], []]);
  });

  it("counts what is asked for at once as if it came one by one", async () => {
    const store = await open();
    const quota = { maxCount: 2, maxBytes: 0 };

    const outcomes = await Promise.all([
      store.deposit(depositOf("a", { quota })),
      store.remove({ mailbox: "box", id: "id a" }),
      store.sizeOf({ mailbox: "box" }),
      store.deposit(depositOf("b", { quota })),
      store.deposit(depositOf("c", { quota })),
      store.deposit(depositOf("d", { quota })),
      store.deposit(depositOf("b", { quota })),
      store.clear({ mailbox: "box", maxCount: 1 }),
      store.deposit(depositOf("e", { quota })),
      store.deposit(depositOf("f", { mailbox: "other" })),
      store.remove({ mailbox: "other", id: "id f" }),
    ]);

    expect(
      outcomes.map((outcome) => (typeof outcome === "object" && "outcome" in outcome ? outcome.outcome : outcome)),
    ).toEqual([
      "stored",
      true,
      { count: 0, bytes: 0 },
      "stored",
      "stored",
      "mailbox-full",
      "known",
      1,
      "stored",
      "stored",
      true,
    ]);
    expect(await textsIn(store)).toEqual(["c", "e"]);
    const { bytes } = await store.sizeOf({ mailbox: "box" });
    expect(store.reading()).toMatchObject({ mailboxCount: 1, messageCount: 2, messageBytes: bytes });
  });

  it("stores a message once, however often it is deposited", async () => {
    const store = await open();

    const outcomes = await Promise.all([
      store.deposit(depositOf("a")),
      store.deposit(depositOf("b", { id: "id a" })),
      store.deposit(depositOf("a")),
    ]);

    const sequence = expect.any(Number);
    expect(outcomes).toEqual([
      { outcome: "stored", sequence },
      { outcome: "known", sequence },
      { outcome: "known", sequence },
    ]);
    expect(await textsIn(store)).toEqual(["a"]);
  });

  it("puts a message in the place of the one with its collapse key, in its own mailbox alone", async () => {
    const store = await open();
    await store.deposit(depositOf("old", { collapseKey: "k" }));
    await store.deposit(depositOf("besides"));
    await store.deposit(depositOf("elsewhere", { collapseKey: "k", mailbox: "other" }));

    await store.deposit(depositOf("new", { collapseKey: "k" }));

    expect([await textsIn(store), await textsIn(store, { mailbox: "other" })]).toEqual([
      ["besides", "new"],
      ["elsewhere"],
    ]);
    expect(store.reading()).toMatchObject({ messageCount: 3, mailboxCount: 2 });
  });

  it("gives a lower rank first, and reads on behind any place", async () => {
    const store = await open();
    for (const [text, rank] of [["c", 9] as const, ["a", 1] as const, ["d", 2 ** 53 - 1] as const, ["b", 1] as const])
      await store.deposit(depositOf(text, { rank }));

    expect(await textsIn(store)).toEqual(["a", "b", "c", "d"]);
    const [, b] = await store.read(readOf());
    expect(await textsIn(store, { after: b ?? readOf().after })).toEqual(["c", "d"]);
  });

  it("reads in pages, by number and by bytes, and always gets on", async () => {
    const store = await open();
    for (const text of ["a".repeat(100), "b".repeat(100), "c".repeat(5000), "d"]) await store.deposit(depositOf(text));

    expect(await textsIn(store, { maxCount: 1 })).toEqual(["a".repeat(100)]);
    expect(await textsIn(store, { maxBytes: 1000 })).toHaveLength(2);
    const [, b] = await store.read(readOf());
    expect(await textsIn(store, { after: b ?? readOf().after, maxBytes: 1 })).toEqual(["c".repeat(5000)]);
  });

  it("removes by id and by sequence, once, and never uses a sequence again", async () => {
    const store = await open();
    for (const text of ["a", "b", "c"]) await store.deposit(depositOf(text));
    const last = (await store.read(readOf())).at(-1)?.sequence ?? 0;

    expect(await store.remove({ mailbox: "box", id: "id a" })).toBe(true);
    expect(await store.remove({ mailbox: "box", id: "id a" })).toBe(false);
    expect(await store.remove({ mailbox: "box", sequence: last })).toBe(true);
    expect(await store.remove({ mailbox: "box", sequence: last })).toBe(false);
    expect(await store.remove({ mailbox: "none", sequence: 1 })).toBe(false);

    const next = await store.deposit(depositOf("d"));
    expect(next).toEqual({ outcome: "stored", sequence: last + 1 });
    expect(await textsIn(store)).toEqual(["b", "d"]);
  });

  it("clears a mailbox step by step", async () => {
    const store = await open();
    for (const text of ["a", "b", "c"]) await store.deposit(depositOf(text));

    expect(await store.clear({ mailbox: "box", maxCount: 2 })).toBe(2);
    expect(await textsIn(store)).toEqual(["c"]);
    expect(await store.clear({ mailbox: "box", maxCount: 2 })).toBe(1);
    expect(await store.clear({ mailbox: "box", maxCount: 2 })).toBe(0);
    expect(store.reading()).toMatchObject({ mailboxCount: 0, messageCount: 0, messageBytes: 0 });
  });

  it("holds no more in a mailbox than its quota, in number and in bytes, and takes more when there is room", async () => {
    const store = await open();
    const quota = { maxCount: 2, maxBytes: 0 };
    for (const text of ["a", "b"]) await store.deposit(depositOf(text, { quota }));

    expect(await store.deposit(depositOf("c", { quota }))).toEqual({ outcome: "mailbox-full" });
    expect(await store.deposit(depositOf("c", { quota, mailbox: "other" }))).toMatchObject({ outcome: "stored" });
    await store.remove({ mailbox: "box", id: "id a" });
    expect(await store.deposit(depositOf("c", { quota }))).toMatchObject({ outcome: "stored" });
    const large = depositOf("x".repeat(1000), { mailbox: "third", quota: { maxCount: 0, maxBytes: 1000 } });
    expect(await store.deposit(large)).toEqual({ outcome: "mailbox-full" });
    expect(await store.sizeOf({ mailbox: "third" })).toEqual({ count: 0, bytes: 0 });
  });

  it("lets a full mailbox have a message in place of another", async () => {
    const store = await open();
    const quota = { maxCount: 1, maxBytes: 0 };

    await store.deposit(depositOf("old", { quota, collapseKey: "k" }));
    await store.deposit(depositOf("new", { quota, collapseKey: "k" }));

    expect(await textsIn(store)).toEqual(["new"]);
  });

  it("holds no more in all than its limits, records among it", async () => {
    const byNumber = await open({ maxMessages: 2, maxBytes: 0 });
    for (const mailbox of ["a", "b"]) await byNumber.deposit(depositOf("x", { mailbox }));
    expect(await byNumber.deposit(depositOf("x", { mailbox: "c" }))).toEqual({ outcome: "store-full" });

    const byBytes = await open({ maxMessages: 0, maxBytes: 300 });
    expect(await byBytes.put(recordOf("r", { data: new Uint8Array(200) }))).toBe("stored");
    expect(await byBytes.deposit(depositOf("x".repeat(100)))).toEqual({ outcome: "store-full" });
    expect(await byBytes.put(recordOf("q", { data: new Uint8Array(200) }))).toBe("store-full");
  });

  it("shows nothing that has expired, and removes it in steps", async () => {
    const store = await open();
    for (const text of ["a", "b", "c"]) await store.deposit(depositOf(text));
    await store.deposit(depositOf("later", { expiresAtMs: NOW_MS + 5000 }));
    await store.put(recordOf("r"));

    expect(await textsIn(store, { nowMs: NOW_MS + 999 })).toHaveLength(4);
    expect(await textsIn(store, { nowMs: NOW_MS + 1000 })).toEqual(["later"]);
    expect(await store.find({ space: "s", names: ["r"], nowMs: NOW_MS + 1000 })).toEqual([]);
    const step = { nowMs: NOW_MS + 1000, maxCount: 2 };
    expect(await store.expire(step)).toEqual({ messageCount: 2, recordCount: 0 });
    expect(await store.expire(step)).toEqual({ messageCount: 1, recordCount: 1 });
    expect(await store.expire(step)).toEqual({ messageCount: 0, recordCount: 0 });
    expect(store.reading()).toMatchObject({ messageCount: 1, recordCounts: { s: 0 }, recordBytes: 0 });
  });

  it("lets nobody but its owner replace or remove a record, until it has expired", async () => {
    const store = await open();
    await store.put(recordOf("r"));

    expect(await store.put(recordOf("r", { owner: "stranger" }))).toBe("taken");
    expect(await store.drop({ space: "s", name: "r", owner: "stranger" })).toBe(false);
    expect(await store.drop({ space: "other", name: "r", owner: "o" })).toBe(false);
    expect(await store.put(recordOf("r", { data: new Uint8Array(0) }))).toBe("stored");
    expect((await store.find({ space: "s", names: ["r"], nowMs: NOW_MS }))[0]?.data.length).toBe(0);
    expect(await store.put(recordOf("r", { data: new Uint8Array([7]) }))).toBe("stored");
    const [record] = await store.find({ space: "s", names: ["r", "r", "none"], nowMs: NOW_MS });
    expect([record?.owner, [...(record?.data ?? [])]]).toEqual(["o", [7]]);
    expect(await store.put(recordOf("r", { owner: "next", nowMs: NOW_MS + 1000 }))).toBe("stored");
    expect(await store.drop({ space: "s", name: "r", owner: "next" })).toBe(true);
    expect(store.reading()).toMatchObject({ recordCounts: { s: 0 }, recordBytes: 0 });
  });

  it("holds no more records in a space than its quota", async () => {
    const store = await open();
    const quota = { maxCount: 1, maxBytes: 0 };
    await store.put(recordOf("a", { quota }));

    expect(await store.put(recordOf("b", { quota }))).toBe("space-full");
    expect(await store.put(recordOf("a", { quota }))).toBe("stored");
    expect(await store.put(recordOf("b", { quota, space: "t" }))).toBe("stored");
    await store.drop({ space: "s", name: "a", owner: "o" });
    expect(await store.put(recordOf("b", { quota }))).toBe("stored");
  });

  it("counts what it holds", async () => {
    const store = await open();
    await store.deposit(depositOf("a", { data: new Uint8Array(100), id: "12345", note: "67" }));
    await store.deposit(depositOf("b", { mailbox: "other" }));

    expect(await store.sizeOf({ mailbox: "box" })).toEqual({ count: 1, bytes: 115 });
    expect(store.reading()).toMatchObject({ mailboxCount: 2, messageCount: 2, pendingCount: 0, failureCount: 0 });
    expect(store.reading()).toMatchObject({ oldestAtMs: NOW_MS });
    await store.clear({ mailbox: "box", maxCount: 9 });
    await store.clear({ mailbox: "other", maxCount: 9 });
    expect(store.reading().oldestAtMs).toBeUndefined();
  });

  it("takes nothing that no dialect may make up", async () => {
    const store = await open();
    const bad = [{ mailbox: "" }, { mailbox: "x".repeat(257) }, { id: "" }, { rank: -1 }, { note: "x".repeat(4097) }];

    for (const own of bad) await expect(store.deposit(depositOf("a", own))).rejects.toThrow(RangeError);
    await expect(store.put(recordOf(""))).rejects.toThrow(RangeError);
    expect(await textsIn(store)).toEqual([]);
  });

  it("is closed once and for all, and says so to who comes later", async () => {
    const store = await open();
    const last = store.deposit(depositOf("last"));

    await Promise.all([store.close(), store.close()]);

    expect(await last).toMatchObject({ outcome: "stored" });
    const error = await store.read(readOf()).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(StoreError);
    expect(error).toMatchObject({ code: "store-closed" });
    expect(store.reading().failureCount).toBe(1);
  });

  it("takes nothing before it is open", async () => {
    const store = await create(UNLIMITED);

    await expect(store.deposit(depositOf("a"))).rejects.toMatchObject({ code: "store-closed" });
  });
});
