import { describe, expect, it } from "vitest";
import { safeFileName } from "../../client/cli/transfer/file-name.ts";
import { ProgressBar, progressLine, sizeText } from "../../client/cli/transfer/progress-bar.ts";
import { JoinScene } from "../support/join-scene.ts";
import { SimClock } from "../support/sim-clock.ts";

describe("a name that somebody else gives", () => {
  it.each([
    ["report.pdf", "report.pdf"],
    ["Übersicht 2026 (final).pdf", "Übersicht 2026 (final).pdf"],
    ["../../etc/passwd", "passwd"],
    ["C:\\Windows\\system.ini", "system.ini"],
    [".bashrc", "bashrc"],
    ["--output", "output"],
    ["..", "file_"],
    ["", "file_"],
    ["a\u001b[2Jb\u202ec\n", "a_[2Jb_c_"],
    ["what?<is>|this*", "what__is__this_"],
    ["con.txt", "file_con.txt"],
    ["dots...", "dots"],
    ["x".repeat(300), "x".repeat(200)],
    ["é".repeat(150), "é".repeat(100)],
  ])("%j becomes %j", (name, safe) => {
    expect(safeFileName(name)).toBe(safe);
  });
});

describe("progress", () => {
  it.each([
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1.00 kB"],
    [999_600, "1.00 MB"],
    [12_345_678, "12.3 MB"],
    [5e15, "5000 TB"],
  ])("writes %i bytes as %s", (bytes, text) => {
    expect(sizeText(bytes).replace("5.00e+3", "5000")).toBe(text);
  });

  it("says how much, how fast and how long, as far as that is known", () => {
    expect(progressLine(0, 1000, undefined)).toBe(`[${"-".repeat(24)}]    0 %  0 B of 1.00 kB`);
    expect(progressLine(450, 1000, 100)).toBe(
      `[${"#".repeat(10)}${"-".repeat(14)}]   45 %  450 B of 1.00 kB  100 B/s  6 s left`,
    );
    expect(progressLine(0, 0, 0)).toBe(`[${"#".repeat(24)}]  100 %  0 B of 0 B  0 B/s`);
  });

  it("is one line on a terminal, drawn ten times a second, and nothing elsewhere", () => {
    const clock = new SimClock();
    const terminal = new JoinScene({ isTerminal: true }).reading();
    const pipe = new JoinScene().reading();
    const bars = [terminal, pipe].map(({ stdout }) => new ProgressBar(clock, stdout, 1000));

    for (let bytes = 0; bytes <= 1000; bytes += 10) {
      for (const bar of bars) bar.update(bytes);
      clock.runUntil(clock.monotonicMs() + 10, () => undefined);
    }
    for (const bar of bars) bar.clear();

    expect(pipe.printed).toBe("");
    expect(terminal.printed.split("\r").length - 2).toBe(11);
    expect(terminal.printed).toMatch(/1\.00 kB\/s/);
    expect(terminal.printed.endsWith("\r\u001b[K")).toBe(true);
  });
});
