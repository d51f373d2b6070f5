import { perform, type Task } from "./task.ts";

/** The generator as a process of its own: takes a task as its argument, prints the result as JSON. */
try {
  const result = await perform(JSON.parse(process.argv[2] ?? "") as Task);
  // Connections may still be open: nothing more is wanted of them.
  process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`, () => process.exit(1));
}
