import type { Clock } from "../clock.ts";
import { DeliveryError } from "../errors.ts";
import { withTimeLimit } from "../time-limit.ts";

/** The stages of a dial, each with a time limit of its own. */
export type Stage = "name" | "tcp" | "proxy" | "tls" | "http";

const silences: Readonly<Record<Stage, string>> = {
  name: "the DNS does not answer",
  tcp: "nothing answers at this address",
  proxy: "the proxy does not answer",
  tls: "the connection is there, but TLS is not answered",
  http: "TLS is there, but HTTP is not answered",
};

/** One stage of a dial took too long. */
export class StageTimeout extends Error {
  override readonly name = "StageTimeout";
  readonly stage: Stage;

  constructor(stage: Stage, timeoutMs: number, options?: ErrorOptions) {
    super(`${silences[stage]} (${timeoutMs} ms)`, options);
    this.stage = stage;
  }
}

/** What a stage is limited by. */
export type Limit = {
  readonly clock: Clock;
  readonly stage: Stage;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
};

/** Runs one stage; its signal is aborted when the time is over, and the task then ends what it has begun. @throws StageTimeout, and what the task throws */
export async function inStage<T>(limit: Limit, task: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { clock, stage, timeoutMs, signal } = limit;
  try {
    return await withTimeLimit(clock, { timeoutMs, signal }, task);
  } catch (error) {
    const isLate = error instanceof DeliveryError && error.code === "timed-out" && !signal.aborted;
    throw isLate ? new StageTimeout(stage, timeoutMs, { cause: error }) : error;
  }
}
