import type { Workload } from "../workload.ts";
import { measureChurn } from "./churn.ts";
import { createTarget } from "./connection.ts";
import { measureDeposits } from "./deposits.ts";
import { type DuelResult, type DuelTask, duel } from "./duel.ts";
import { type Durations, measureExchange, type Verification, verifyExchange } from "./exchange.ts";
import { measureFetches } from "./fetches.ts";
import { measureHandshakes } from "./handshakes.ts";
import { measureIdle } from "./idle.ts";
import type { Measurement } from "./measurement.ts";
import type { Subject } from "./members.ts";
import type { SessionName } from "./sessions/create-session.ts";
import { measureStoreSize } from "./store-size.ts";

/** Whether to measure, or to verify what arrives. */
export type Aim =
  | { readonly aim: "measure"; readonly durations: Durations }
  | { readonly aim: "verify"; readonly messagesPerSender: number };

/** One workload against one contestant. */
type SingleTask = Aim & {
  readonly workload: Workload;
  readonly sessionName: SessionName;
  readonly port: number;
  readonly certificate: string;
  readonly serverPid: number;
  readonly serverDirectory: string;
};

/** What a generator is started for. */
export type Task = SingleTask | ({ readonly aim: "duel" } & DuelTask);

/** What it prints. */
export type TaskResult =
  | { readonly aim: "measure"; readonly measurement: Measurement }
  | { readonly aim: "verify"; readonly verification: Verification }
  | { readonly aim: "duel"; readonly results: readonly DuelResult[] };

/** Does what the task says. */
export async function perform(task: Task): Promise<TaskResult> {
  if (task.aim === "duel") return { aim: "duel", results: await duel(task) };
  const { workload, sessionName } = task;
  const subject: Subject = { target: createTarget(task.port, task.certificate), sessionName };
  if (task.aim === "verify") {
    if (workload.kind !== "exchange") throw new Error(`${workload.id} has no messages to verify`);
    return { aim: "verify", verification: await verifyExchange(subject, workload, task.messagesPerSender) };
  }
  return { aim: "measure", measurement: await measure(subject, task, task.durations) };
}

function measure(
  subject: Subject,
  { workload, serverPid, serverDirectory }: SingleTask,
  durations: Durations,
): Promise<Measurement> {
  switch (workload.kind) {
    case "exchange":
      return measureExchange(subject, workload, serverPid, durations);
    case "idle":
      return measureIdle(subject, workload, serverPid);
    case "handshake":
      return measureHandshakes(subject, workload, serverPid, durations);
    case "churn":
      return measureChurn(subject, workload, serverPid, durations);
    case "deposit":
      return measureDeposits(subject, workload, { serverPid, serverDirectory }, durations);
    case "fetch":
      return measureFetches(subject, workload, serverPid, durations);
    case "store-size":
      return measureStoreSize(subject, workload, { serverPid, serverDirectory });
  }
}
