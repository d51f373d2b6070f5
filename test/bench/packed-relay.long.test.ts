import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { packRef, removeWorktree } from "../../scripts/bench/packed-relay.ts";

function makeDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "postern-packed-"));
  onTestFinished(() => {
    removeWorktree(directory);
    rmSync(directory, { recursive: true });
  });
  return directory;
}

it("builds and packs a commit into a program that starts as it is", () => {
  const { program, version } = packRef("HEAD", makeDirectory());

  const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env["PATH"]}` };
  expect(execFileSync(program, ["serve", "--help"], { encoding: "utf8", env })).toContain("--tls-key-file");
  expect(version).toMatch(/^[0-9a-f]{7,}$/);
});

it("says that there is no such commit, and takes no option of git for one", () => {
  expect(() => packRef("no-such-ref", makeDirectory())).toThrow("git knows no commit no-such-ref");
  expect(() => packRef("--all", makeDirectory())).toThrow("git knows no commit --all");
});
