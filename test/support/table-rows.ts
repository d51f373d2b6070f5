import { readFileSync } from "node:fs";

/** The cells of every row of the tables under a heading, down to the next heading of any level. */
export function tableRows(path: string, heading: string): readonly (readonly string[])[] {
  const [, section = ""] = readFileSync(path, "utf8").split(`\n${heading}\n`);
  const lines = (section.split(/\n#+ /, 1)[0] ?? "").split("\n").filter((line) => line.startsWith("|"));
  const rows = lines.filter((line, index) => !isRule(line) && !isRule(lines[index + 1]));
  if (rows.length === 0) throw new Error(`${path} has no table under ${heading}`);
  return rows.map((row) =>
    row
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** Whether this is the line of dashes between the head of a table and its rows. */
function isRule(line: string | undefined): boolean {
  return line !== undefined && /^\|[-| :]+\|$/.test(line);
}
