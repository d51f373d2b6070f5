import { existsSync } from "node:fs";
import { expect, it } from "vitest";
import { readSourceFiles, type SourceFile } from "../../scripts/checks/source-files.ts";

/** A declaration behind `export`, by the words that it begins with; `export { name } from` passes on what is told elsewhere. */
const EXPORTED =
  /^export (?:declare |async |abstract )*(?:class|const|enum|function\*?|interface|let|namespace|type) (\w+)/;

it("tells of every export what it gives, in a comment before it", () => {
  const files = readSourceFiles(...["protocol", "relay", "client", "page"].filter((folder) => existsSync(folder)));

  const untold = files.flatMap((file) => exportsOf(file).filter(({ isTold }) => !isTold));

  expect(untold.map(({ path, name }) => `${path}: ${name}`)).toEqual([]);
});

it("finds exports of every kind, with and without a comment", () => {
  const text = `
/** Told. */
export const one = 1;
export type Two = 2;
/** Of an overload. */
export function three(): void;
export function three(of?: string): void {}
// No docstring.
export abstract class Four {}
/** Of something else. */
const five = 5;
export { five };
`;

  const found = exportsOf({ path: "a.ts", text }).map(({ name, isTold }) => [name, isTold]);

  expect(found).toEqual([
    ["one", true],
    ["Two", false],
    ["three", true],
    ["Four", false],
  ]);
});

type Export = { readonly path: string; readonly name: string; readonly isTold: boolean };

/** What a file declares and exports, each name once. A declaration begins a line, because the code is formatted. */
function exportsOf({ path, text }: Pick<SourceFile, "path" | "text">): readonly Export[] {
  const lines = text.split("\n");
  const found = new Map<string, Export>();
  for (const [index, line] of lines.entries()) {
    const [, name] = EXPORTED.exec(line) ?? [];
    if (name !== undefined && !found.has(name))
      found.set(name, { path, name, isTold: hasDocstring(lines.slice(0, index)) });
  }
  return [...found.values()];
}

/** Whether the last of these lines end a docstring. */
function hasDocstring(before: readonly string[]): boolean {
  const start = before.findLastIndex((line) => line.startsWith("/*"));
  return start !== -1 && (before[start] ?? "").startsWith("/**") && before.at(-1)?.endsWith("*/") === true;
}
