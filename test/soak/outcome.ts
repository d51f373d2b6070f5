import { describeHardware } from "../../scripts/bench/machine.ts";

/** Says what a long run has found, on which machine and when: as the page has it that speaks of it. */
export function tellOutcome(outcome: string): void {
  const { processor, memory, system } = describeHardware();
  tell(`${new Date().toISOString().slice(0, 10)}, ${processor}, ${memory}, ${system}: ${outcome}`);
}

/** Says how far a long run has come: who ends it early has that. */
export function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}
