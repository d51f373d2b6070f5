/** One thing to bring about: it can tell whether that is so already, so that doing it twice does no harm. */
export type Step = {
  /** What it does, as in "copy the relay to /opt/postern". */
  readonly title: string;
  readonly isDone: () => boolean;
  readonly apply: () => void;
};

/** How the steps are taken. */
export type StepOptions = { readonly isDryRun: boolean; readonly print: (line: string) => void };

/** Takes the steps that are not done, in order, and says so of each. Returns how many there were to do. */
export function takeSteps(steps: readonly Step[], { isDryRun, print }: StepOptions): number {
  let changeCount = 0;
  for (const { title, isDone, apply } of steps) {
    if (isDone()) {
      print(`  as it should be: ${title}`);
      continue;
    }
    changeCount += 1;
    print(`  ${isDryRun ? "to do: " : ""}${title}`);
    if (!isDryRun) apply();
  }
  return changeCount;
}
