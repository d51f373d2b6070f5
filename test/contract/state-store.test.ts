import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { DirectoryState } from "../../relay/state/directory-state.ts";
import { MemoryState } from "../../relay/state/memory-state.ts";
import type { StateStore } from "../../relay/state/ports.ts";

/** A store, and a second one at the same place: the process after a restart. */
type Places = { readonly store: StateStore; readonly again: StateStore };

const kinds: Readonly<Record<string, () => Promise<Places>>> = {
  MemoryState: async () => {
    const tables = new Map<string, Map<string, string>>();
    return { store: new MemoryState(tables), again: new MemoryState(tables) };
  },
  DirectoryState: async () => {
    const path = await mkdtemp(join(tmpdir(), "postern-state-"));
    onTestFinished(() => rm(path, { recursive: true }));
    return {
      store: new DirectoryState(join(path, "new", "accounts")),
      again: new DirectoryState(join(path, "new", "accounts")),
    };
  },
};

describe.each(Object.entries(kinds))("%s", (_, open) => {
  it("has nothing of a table that was never saved", async () => {
    const { store } = await open();

    expect([...(await store.load("agents"))]).toEqual([]);
  });

  it("gives back what was saved, in its order, also after a restart", async () => {
    const { store, again } = await open();
    await store.load("agents");
    const records = new Map([
      ["b", '{"text":"] , \\"\\u2028"}'],
      ["a\n\u{1f6aa} \\ \u0000 \u2028", "[1,2]"],
      ["__proto__", '{"n":1.50}'],
    ]);

    await store.save("agents", records);

    expect([...(await store.load("agents"))]).toEqual([...records]);
    expect([...(await again.load("agents"))]).toEqual([...records]);
  });

  it("keeps tables apart", async () => {
    const { store, again } = await open();
    await store.load("agents");
    await store.load("meshes");

    await store.save("agents", new Map([["a", "1"]]));
    await store.save("meshes", new Map([["m", "2"]]));

    expect([...(await again.load("agents"))]).toEqual([["a", "1"]]);
    expect([...(await again.load("meshes"))]).toEqual([["m", "2"]]);
  });

  it("changes and removes records, and keeps the rest", async () => {
    const { store, again } = await open();
    await store.load("agents");
    await store.save(
      "agents",
      new Map([
        ["a", "1"],
        ["b", "2"],
        ["c", "3"],
      ]),
    );

    await store.save(
      "agents",
      new Map([
        ["a", "9"],
        ["b", undefined],
        ["never", undefined],
        ["d", "4"],
      ]),
    );

    expect([...(await again.load("agents"))]).toEqual([
      ["a", "9"],
      ["c", "3"],
      ["d", "4"],
    ]);
  });

  it("can be prepared before the first save and after it, and keeps what it has", async () => {
    const { store, again } = await open();

    await store.prepare();
    await store.load("agents");
    await store.save("agents", new Map([["a", "1"]]));
    await store.prepare();

    expect([...(await again.load("agents"))]).toEqual([["a", "1"]]);
  });
});
