import type { Certificate } from "./certificate.ts";
import { type Contestant, contestantsOf } from "./contestants.ts";
import type { Aim, TaskResult } from "./generator/task.ts";
import { type Isolation, setReceiveBuffers } from "./isolation.ts";
import { runGenerator, type Server, startServer } from "./processes.ts";
import { type Cell, type Check, DISTURBED_SHARE, type Run, toCell, toRun } from "./report/results.ts";
import type { ExchangeWorkload, Workload } from "./workload.ts";

/** How much is measured. */
export type CampaignOptions = {
  readonly rounds: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
  /** How often a run may be tried that others disturb. */
  readonly attempts: number;
};

/** What the campaign uses. */
export type CampaignParts = {
  readonly certificate: Certificate;
  readonly isolation: Isolation;
  /** The packed relay. */
  readonly relayProgram: string;
  /** For what servers write. */
  readonly directory: string;
  /** Told of each step. */
  readonly say: (line: string) => void;
};

/** What the generator found, and what the server printed. */
type Outcome = { readonly result: TaskResult; readonly printed: string };

/** Deliveries that a correctness pass looks at, about. */
const VERIFIED_DELIVERIES = 20_000;
const MAX_VERIFIED_MESSAGES = 500;

/** Runs workloads against contestants, each in a fresh server and a fresh generator. */
export class Campaign {
  /** Runs that came to nothing, and why. */
  readonly failures: string[] = [];
  readonly #parts: CampaignParts;
  readonly #options: CampaignOptions;

  constructor(parts: CampaignParts, options: CampaignOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  /** Verifies order, content and count of one workload for all contestants that take part in it. */
  async verify(workload: ExchangeWorkload, contestants: readonly Contestant[]): Promise<readonly Check[]> {
    const { membersPerTopic, topicCount, senders } = workload;
    const senderCount = senders === "all" ? membersPerTopic * topicCount : topicCount;
    const perRound = senderCount * (membersPerTopic - 1);
    const messagesPerSender = Math.min(MAX_VERIFIED_MESSAGES, Math.ceil(VERIFIED_DELIVERIES / perRound));
    const checks: Check[] = [];
    for (const contestant of contestantsOf(workload, contestants)) {
      const { result } = (await this.#run(contestant, workload, { aim: "verify", messagesPerSender })) ?? {};
      if (result?.aim !== "verify") continue;
      const { verifiedCount, faults } = result.verification;
      const verdict = faults.length === 0 ? "correct" : faults.join("; ");
      this.#parts.say(`${workload.id}, ${contestant.name}: ${verifiedCount} deliveries verified, ${verdict}`);
      checks.push({ workload: workload.id, contestant: contestant.name, verifiedCount, faults });
    }
    return checks;
  }

  /** Measures one workload: round by round all contestants in turn, so that a slow minute of the machine hits them all. */
  async measure(workload: Workload, contestants: readonly Contestant[]): Promise<readonly Cell[]> {
    const taking = contestantsOf(workload, contestants);
    const runs = new Map<string, (Run | undefined)[]>(taking.map(({ name }) => [name, []]));
    for (let round = 0; round < this.#options.rounds; round += 1) {
      for (const contestant of taking) {
        runs.get(contestant.name)?.push(await this.#measureOnce(contestant, workload, round));
      }
    }
    const yardstick = taking.find(({ isYardstick }) => isYardstick);
    const yardstickRuns = runs.get(yardstick?.name ?? "") ?? [];
    return taking.flatMap(({ name }) => toCell(workload, name, runs.get(name) ?? [], yardstickRuns) ?? []);
  }

  /** Measures again what others disturbed, a few times, and takes the run that was disturbed least. */
  async #measureOnce(contestant: Contestant, workload: Workload, round: number): Promise<Run | undefined> {
    const { warmUpMs, measureMs, attempts } = this.#options;
    let best: Run | undefined;
    for (let attempt = 1; attempt <= attempts; attempt += 1) {
      const aim: Aim = { aim: "measure", durations: { warmUpMs, measureMs } };
      const { result, printed = "" } = (await this.#run(contestant, workload, aim)) ?? {};
      if (result?.aim !== "measure") break;
      const run = toRun(result.measurement, printed);
      this.#parts.say(`${workload.id}, ${contestant.name}, round ${round + 1}: ${summaryOf(run)}`);
      if (best === undefined || run.waitShare < best.waitShare) best = run;
      if (best.waitShare <= DISTURBED_SHARE) break;
    }
    return best;
  }

  /** @returns undefined where it failed; the reason is among the failures then, and the others go on. */
  async #run(contestant: Contestant, workload: Workload, aim: Aim): Promise<Outcome | undefined> {
    const { certificate, isolation, directory, relayProgram, say } = this.#parts;
    const { name, sessionName, isRelay } = contestant;
    const receiveBuffers = workload.kind === "exchange" ? workload.receiveBuffers : undefined;
    let server: Server | undefined;
    try {
      setReceiveBuffers(receiveBuffers ?? "large");
      const environment = isRelay ? (workload.relayEnvironment ?? {}) : {};
      const options = { prefix: isolation.serverPrefix, directory, relayProgram, environment };
      server = await startServer(contestant, certificate, options);
      const { port, pid: serverPid, directory: serverDirectory } = server;
      const about = { workload, sessionName, port, certificate: certificate.pem, serverPid, serverDirectory };
      const result = await runGenerator({ ...about, ...aim }, isolation.generatorPrefix);
      return { result, printed: server.printed() };
    } catch (error) {
      const failure = `${workload.id}, ${name}: ${error instanceof Error ? error.message : String(error)}`;
      say(`failed: ${failure}`);
      this.failures.push(failure);
      return undefined;
    } finally {
      await server?.stop();
    }
  }
}

function summaryOf({ perSecond, cost, waitShare }: Run): string {
  const rate = perSecond === undefined ? "" : `${Math.round(perSecond)}/s, `;
  const disturbed =
    waitShare > DISTURBED_SHARE ? `, disturbed: waited ${Math.round(waitShare * 100)} % of the time` : "";
  return `${rate}cost ${cost.toPrecision(3)}${disturbed}`;
}
