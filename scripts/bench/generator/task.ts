import type { Workload } from "../workloads.ts";
import { measureHandshakes, measureIdle } from "./connecting.ts";
import { createTarget } from "./connection.ts";
import { type Durations, measureExchange, type Subject, type Verification, verifyExchange } from "./exchange.ts";
import type { Measurement } from "./measurement.ts";
import type { SessionName } from "./sessions/create-session.ts";

/** Whether to measure, or to verify what arrives. */
export type Aim =
  | { readonly aim: "measure"; readonly durations: Durations }
  | { readonly aim: "verify"; readonly messagesPerSender: number };

/** What a generator is started for: one workload against one contestant. */
export type Task = Aim & {
  readonly workload: Workload;
  readonly sessionName: SessionName;
  readonly port: number;
  readonly certificate: string;
  readonly serverPid: number;
};

/** What it prints. */
export type TaskResult =
  | { readonly aim: "measure"; readonly measurement: Measurement }
  | { readonly aim: "verify"; readonly verification: Verification };

/** Does what the task says. */
export async function perform(task: Task): Promise<TaskResult> {
  const { workload, sessionName, serverPid } = task;
  const subject: Subject = { target: createTarget(task.port, task.certificate), sessionName };
  if (task.aim === "verify") {
    if (workload.kind !== "exchange") throw new Error(`${workload.id} has no messages to verify`);
    return { aim: "verify", verification: await verifyExchange(subject, workload, task.messagesPerSender) };
  }
  switch (workload.kind) {
    case "exchange":
      return { aim: "measure", measurement: await measureExchange(subject, workload, serverPid, task.durations) };
    case "idle":
      return { aim: "measure", measurement: await measureIdle(subject, workload, serverPid) };
    case "handshake":
      return { aim: "measure", measurement: await measureHandshakes(subject, workload, serverPid, task.durations) };
  }
}
