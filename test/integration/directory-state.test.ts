import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { DirectoryState } from "../../relay/state/directory-state.ts";
import { Run } from "../support/process.ts";
import { itWithMounts } from "../support/requires.ts";

const RECORDS = new Map([
  ["a", '{"n":1}'],
  ["b", '{"n":2}'],
]);

async function newDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "postern-state-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

async function filled(): Promise<{ readonly path: string; readonly file: string; readonly store: DirectoryState }> {
  const path = await newDirectory();
  const store = new DirectoryState(path);
  await store.load("agents");
  await store.save("agents", RECORDS);
  return { path, file: join(path, "agents.jsonl"), store };
}

describe("a directory of tables", () => {
  it("has one file for a table, which its user alone may read: a copy of it is a backup", async () => {
    const { path, file } = await filled();

    expect(await readdir(path)).toEqual(["agents.jsonl"]);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readFile(file, "utf8")).toBe(
      '{"format":"postern-state","version":1,"table":"agents"}\n["a",{"n":1}]\n["b",{"n":2}]\n{"records":2}\n',
    );
    const copy = await newDirectory();
    await writeFile(join(copy, "agents.jsonl"), await readFile(file));
    expect([...(await new DirectoryState(copy).load("agents"))]).toEqual([...RECORDS]);
  });

  it.each([
    ["cut off in the middle", (text: string) => text.slice(0, 70)],
    ["without its last line", (text: string) => text.split("\n").slice(0, -2).join("\n")],
    ["with a line missing", (text: string) => text.split("\n").toSpliced(1, 1).join("\n")],
    ["with a line twice", (text: string) => text.split("\n").toSpliced(2, 1, '["a",{"n":1}]').join("\n")],
    ["with a line that is no record", (text: string) => text.replace('["b",{"n":2}]', '{"b":2}')],
    ["of another table", (text: string) => text.replace("agents", "meshes")],
    ["of a later version", (text: string) => text.replace('"version":1', '"version":2')],
    ["that is empty", () => ""],
  ])("does not begin anew over a file %s", async (_, damage) => {
    const { path, file } = await filled();
    await writeFile(file, damage(await readFile(file, "utf8")));

    await expect(new DirectoryState(path).load("agents")).rejects.toMatchObject({ code: "state-corrupt" });
  });

  it("does not write over what somebody else has written since", async () => {
    const { path, file, store } = await filled();
    const other = new DirectoryState(path);
    await other.load("agents");
    await other.save("agents", new Map([["c", "3"]]));
    const kept = await readFile(file, "utf8");

    await expect(store.save("agents", new Map([["d", "4"]]))).rejects.toMatchObject({ code: "state-shared" });

    expect(await readFile(file, "utf8")).toBe(kept);
    expect(await readdir(path)).toEqual(["agents.jsonl"]);
  });

  it("clears away what a process that was killed has left half written", async () => {
    const { path, store } = await filled();
    const left = join(path, ".agents.0123456789abcdef.tmp");
    await writeFile(left, "half");
    await utimes(left, 1, 1);

    await store.save("agents", new Map([["c", "3"]]));

    expect(await readdir(path)).toEqual(["agents.jsonl"]);
  });

  itWithMounts()(
    "says what is wrong with a disk that is full or read-only, keeps what it has, and goes on later",
    async () => {
      const path = await newDirectory();
      const script = `
      import { DirectoryState } from "./relay/state/directory-state.ts";
      import { execFileSync } from "node:child_process";
      const store = new DirectoryState(${JSON.stringify(path)});
      await store.prepare();
      await store.load("agents");
      await store.save("agents", new Map([["a", "1"]]));
      const big = new Map(Array.from({ length: 40 }, (_, index) => ["big" + index, JSON.stringify("x".repeat(4000))]));
      const tell = (error) => console.log("told", error.code);
      await store.save("agents", big).catch(tell);
      execFileSync("mount", ["-o", "remount,ro", ${JSON.stringify(path)}]);
      await store.save("agents", new Map([["b", "2"]])).catch(tell);
      await store.prepare().then(() => console.log("prepared"), tell);
      console.log("lasting", await store.isLasting());
      execFileSync("mount", ["-o", "remount,rw", ${JSON.stringify(path)}]);
      await store.save("agents", new Map([["b", "2"]]));
      const again = new DirectoryState(${JSON.stringify(path)});
      console.log("kept", JSON.stringify([...(await again.load("agents"))]));
    `;
      const command = `mount -t tmpfs -o size=64k tmpfs ${path} && exec ${process.execPath} --input-type=module -e "$SCRIPT"`;
      const run = new Run(["--mount", "sh", "-c", command], { command: "unshare", env: { SCRIPT: script } });

      expect([await run.exitCode(), run.stderr]).toEqual([0, ""]);
      expect(run.stdout.trim().split("\n")).toEqual([
        "told disk-full",
        "told state-denied",
        expect.stringMatching(/^(prepared|told state-denied)$/),
        "lasting false",
        'kept [["a","1"],["b","2"]]',
      ]);
    },
  );
});
