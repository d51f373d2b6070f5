import { functionsOf, readSourceFiles, type SourceFile } from "./checks/source-files.ts";

/**
 * Holds the size budget of the code: whole files and functions have a maximum (the linter's), and most are far below it
 * (this). Prints the figures; exits 1 where one is over.
 */
const BUDGET = { fileMedian: 120, fileMax: 400, function90th: 30, functionMax: 60 };

const files = readSourceFiles("protocol", "relay", "client", "page", "scripts");
const fileLines = files.map(lineCount).toSorted(ascending);
const functionLines = files.flatMap((file) => functionsOf(file).map((found) => found.lineCount)).toSorted(ascending);

const figures = {
  fileMedian: percentile(fileLines, 0.5),
  fileMax: percentile(fileLines, 1),
  function90th: percentile(functionLines, 0.9),
  functionMax: percentile(functionLines, 1),
};
process.stdout.write(`${files.length} files, ${functionLines.length} functions: ${JSON.stringify(figures)}\n`);
for (const [name, limit] of Object.entries(BUDGET)) {
  const value = figures[name as keyof typeof BUDGET];
  if (value <= limit) continue;
  process.stderr.write(`size budget: ${name} is ${value} lines, the limit is ${limit}\n`);
  process.exitCode = 1;
}

function lineCount({ text }: SourceFile): number {
  return text.split("\n").length - 1;
}

function ascending(a: number, b: number): number {
  return a - b;
}

/** The value below which this part of the sorted values lies; 1 is the largest. */
function percentile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
}
