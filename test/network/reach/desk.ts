import { join } from "node:path";
import type { LineProcess } from "../../support/line-process.ts";
import { PATIENCE_MS, TIME_FACTOR } from "../../support/patience.ts";
import { RELAY_NAME } from "./addresses.ts";
import type { DeskEvent } from "./desk-events.ts";
import type { Office } from "./office.ts";
import type { Expected, Row } from "./row.ts";

const PROGRAM = join(import.meta.dirname, "programs/desk-member.ts");
/** What an employee's machine has, besides what an office says. */
const KEPT = ["PATH", "HOME"];

/** A program with the client, at the desk of an office. */
export class Desk {
  readonly events: DeskEvent[] = [];
  readonly process: LineProcess;
  readonly #looks = new Set<() => void>();

  constructor(office: Office) {
    const command = [process.execPath, PROGRAM, `wss://${RELAY_NAME}`, office.topic];
    this.process = office.desk.start(["env", "-i", ...environmentOf(office), ...command], (line) => this.#take(line));
  }

  /** The events of one kind, as they came. */
  of<E extends DeskEvent["event"]>(event: E): (DeskEvent & { readonly event: E })[] {
    return this.events.filter((told): told is DeskEvent & { readonly event: E } => told.event === event);
  }

  /** Waits for something that it tells. @returns whether it came in time. */
  async heard(claim: () => boolean, withinMs: number): Promise<boolean> {
    if (claim()) return true;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const look = (): void => {
      if (claim()) resolve(true);
    };
    const timer = setTimeout(() => resolve(false), withinMs);
    this.#looks.add(look);
    const hasCome = await promise;
    clearTimeout(timer);
    this.#looks.delete(look);
    return hasCome;
  }

  /** How it fares, as it is written in a row. */
  async outcome({ expected }: Row): Promise<string> {
    const withinMs = expected.withinMs * TIME_FACTOR;
    const mayFail = expected.outcome === "fails";
    const isOver = (): boolean => this.of("passes").length > 0 || (mayFail && this.of("error").length > 0);
    await this.heard(isOver, withinMs + PATIENCE_MS);
    const [passed] = this.of("passes");
    if (passed !== undefined) return inTime("passes", passed.afterMs, withinMs);
    const [failed] = this.of("error");
    if (failed === undefined) return `nothing:\n${this.process.printed}`;
    const said = expected.outcome === "fails" && expected.says.test(failed.message) ? "" : ` (${failed.message})`;
    return inTime(`fails: ${failed.code}${said}`, failed.afterMs, withinMs);
  }

  #take(line: string): void {
    if (!line.startsWith("{")) return;
    this.events.push(JSON.parse(line) as DeskEvent);
    for (const look of this.#looks) look();
  }
}

/** What the outcome of a row looks like when it is as expected. */
export function wanted(expected: Expected): string {
  return expected.outcome === "passes" ? "passes" : `fails: ${expected.code}`;
}

/** Variables for `env`. */
export function environmentOf(office: Office): readonly string[] {
  const kept = KEPT.map((name) => [name, process.env[name] ?? ""] as const);
  return [...kept, ...Object.entries(office.env)].map(([name, value]) => `${name}=${value}`);
}

function inTime(outcome: string, afterMs: number, withinMs: number): string {
  return afterMs <= withinMs ? outcome : `${outcome}, after ${afterMs} ms`;
}
