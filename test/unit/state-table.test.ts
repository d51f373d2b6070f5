import { describe, expect, it } from "vitest";
import { MemoryState } from "../../relay/state/memory-state.ts";
import { type Changes, StateError } from "../../relay/state/ports.ts";
import { type RecordCodec, StateTable } from "../../relay/state/state-table.ts";

type Thing = { readonly n: number };

const codec: RecordCodec<Thing> = {
  write: ({ n }) => ({ n }),
  read: (value) => (typeof (value as Thing).n === "number" ? (value as Thing) : undefined),
};

/** A store whose saves wait until they are let go on, or fail. */
class SlowState extends MemoryState {
  readonly saves: { readonly changes: Changes; readonly end: (error?: Error) => void }[] = [];

  override async save(table: string, changes: Changes): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.saves.push({ changes, end: (error) => (error === undefined ? resolve() : reject(error)) });
    });
    await super.save(table, changes);
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

function slowTable(maxRecords = 10): { readonly store: SlowState; readonly table: StateTable<Thing> } {
  const store = new SlowState();
  return { store, table: new StateTable(store, { name: "things", maxRecords }, codec) };
}

describe("a table", () => {
  it("shows a record once it is kept, and holds its key from the first moment on", async () => {
    const { store, table } = slowTable();

    const put = table.put("a", { n: 1 });

    expect([table.get("a"), table.isTaken("a")]).toEqual([undefined, true]);
    store.saves[0]?.end();
    await put;
    expect([table.get("a"), table.size]).toEqual([{ n: 1 }, 1]);
  });

  it("keeps together with one write what comes while another is on its way", async () => {
    const { store, table } = slowTable();
    const puts = [table.put("a", { n: 1 }), table.put("b", { n: 2 }), table.put("c", { n: 3 })];

    store.saves[0]?.end();
    await puts[0];
    await nextTurn();
    store.saves[1]?.end();
    await Promise.all(puts);

    expect(store.saves.map(({ changes }) => [...changes.keys()])).toEqual([["a"], ["b", "c"]]);
  });

  it("is as before where nothing could be kept, and says so to all who waited", async () => {
    const { store, table } = slowTable();
    const first = table.put("a", { n: 1 });
    store.saves[0]?.end();
    await first;
    const puts = Promise.allSettled([table.put("a", { n: 2 }), table.remove("a")]);

    store.saves[1]?.end(new StateError("disk-full", "no room"));
    await nextTurn();
    store.saves[2]?.end(new StateError("disk-full", "no room"));

    expect((await puts).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect([table.get("a"), table.isTaken("b")]).toEqual([{ n: 1 }, false]);
  });

  it("has at most so many records, with those that are on their way", async () => {
    const { store, table } = slowTable(2);
    const puts = [table.put("a", { n: 1 }), table.put("b", { n: 2 })];

    await expect(table.put("c", { n: 3 })).rejects.toMatchObject({ code: "state-full" });

    store.saves[0]?.end();
    await puts[0];
    await nextTurn();
    const again = table.put("a", { n: 4 });
    store.saves[1]?.end();
    await puts[1];
    await nextTurn();
    store.saves[2]?.end();
    await again;
    expect([table.get("a"), table.size]).toEqual([{ n: 4 }, 2]);
  });

  it("does not begin with a record that is none of its kind", async () => {
    const store = new MemoryState(new Map([["things", new Map([["a", '{"n":"one"}']])]]));

    await expect(new StateTable(store, { name: "things", maxRecords: 2 }, codec).load()).rejects.toMatchObject({
      code: "state-corrupt",
    });
  });
});
