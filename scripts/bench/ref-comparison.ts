import type { CampaignParts } from "./campaign.ts";
import { type Contestant, contestantsOf } from "./contestants.ts";
import type { DuelResult } from "./generator/duel.ts";
import type { Pair, SliceOptions } from "./generator/slices.ts";
import { setReceiveBuffers } from "./isolation.ts";
import { runGenerator, type Server, startServer } from "./processes.ts";
import type { ComparedWorkload } from "./workload.ts";

/** How much is measured, and against what. */
type ComparisonOptions = {
  /** The packed relay that the one of the campaign's parts is compared with. */
  readonly baseProgram: string;
  readonly rounds: number;
  readonly slices: Omit<SliceOptions, "isHeadFirst">;
  /** So many percent more work for the relay that is compared: to see that it is found. */
  readonly burdenPercent: number;
};

/** One workload over one protocol: the pairs of each round. */
export type Comparison = {
  readonly workload: ComparedWorkload;
  readonly contestant: string;
  readonly rounds: readonly (readonly Pair[])[];
};

/** Workloads of one contestant that have the same members, and so the same connections. */
type Group = { readonly contestant: Contestant; readonly workloads: readonly ComparedWorkload[] };

const BURDEN_PATH = new URL("./burden.ts", import.meta.url).pathname;

/**
 * Compares two builds of the relay. In each round both are started anew, both live at the same time on one core, and every
 * workload is measured in slices that take turns: see `measurePairs`.
 */
export class RefComparison {
  /** What came to nothing, and why. */
  readonly failures: string[] = [];
  readonly #parts: CampaignParts;
  readonly #options: ComparisonOptions;
  readonly #pairs = new Map<string, Pair[][]>();

  constructor(parts: CampaignParts, options: ComparisonOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  async run(
    workloads: readonly ComparedWorkload[],
    contestants: readonly Contestant[],
  ): Promise<readonly Comparison[]> {
    const groups = contestants.flatMap((contestant) => groupsOf(contestant, contestantsOfAll(workloads, contestant)));
    const settings = Map.groupBy(groups, settingOf);
    for (let round = 0; round < this.#options.rounds; round += 1) {
      for (const sharing of settings.values()) await this.#runRound(sharing, round);
    }
    return groups.flatMap(({ contestant, workloads: own }) =>
      own.map((workload) => {
        const rounds = this.#pairs.get(keyOf(contestant.name, workload.id)) ?? [];
        return { workload, contestant: contestant.name, rounds };
      }),
    );
  }

  /** One pair of relays for groups that want them started alike. */
  async #runRound(groups: readonly Group[], round: number): Promise<void> {
    const [first] = groups;
    if (first === undefined) return;
    setReceiveBuffers(receiveBuffersOf(first));
    const isHeadFirst = round % 2 === 0;
    const servers: Server[] = [];
    try {
      const starts = [() => this.#start(first, "head"), () => this.#start(first, "base")];
      for (const start of isHeadFirst ? starts : starts.toReversed()) servers.push(await start());
      const [head, base] = isHeadFirst ? servers : servers.toReversed();
      if (head === undefined || base === undefined) return;
      for (const group of groups) await this.#measure(group, { head, base }, round);
    } catch (error) {
      this.#fail(first, error);
    } finally {
      await Promise.all(servers.map((server) => server.stop()));
    }
  }

  #start({ contestant, workloads }: Group, side: "head" | "base"): Promise<Server> {
    const { certificate, isolation, directory, relayProgram } = this.#parts;
    const { baseProgram, burdenPercent } = this.#options;
    const isBurdened = side === "head" && burdenPercent > 0;
    return startServer(contestant, certificate, {
      prefix: isolation.serverPrefix,
      directory,
      relayProgram: side === "head" ? relayProgram : baseProgram,
      environment: { ...workloads[0]?.relayEnvironment, ...(isBurdened ? burden(burdenPercent) : {}) },
    });
  }

  async #measure(
    group: Group,
    { head, base }: { readonly head: Server; readonly base: Server },
    round: number,
  ): Promise<void> {
    const { certificate, isolation } = this.#parts;
    const { contestant, workloads } = group;
    const slices = { ...this.#options.slices, isHeadFirst: round % 2 === 0 };
    try {
      const task = { certificate: certificate.pem, sessionName: contestant.sessionName, workloads, slices };
      const running = { head: { port: head.port, pid: head.pid }, base: { port: base.port, pid: base.pid } };
      const result = await runGenerator({ aim: "duel", ...task, ...running }, isolation.generatorPrefix);
      if (result.aim === "duel") for (const found of result.results) this.#take(contestant.name, found, round);
    } catch (error) {
      this.#fail(group, error);
    }
  }

  #take(contestant: string, { workload, pairs }: DuelResult, round: number): void {
    const key = keyOf(contestant, workload);
    this.#pairs.set(key, [...(this.#pairs.get(key) ?? []), [...pairs]]);
    const ratios = pairs.map(({ headCost, baseCost }) => (headCost / baseCost).toFixed(3));
    this.#parts.say(`round ${round + 1} of ${this.#options.rounds}, ${contestant}, ${workload}: ${ratios.join(" ")}`);
  }

  #fail({ contestant, workloads }: Group, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    const failure = `${workloads.map(({ id }) => id).join(", ")}, ${contestant.name}: ${reason}`;
    this.#parts.say(`failed: ${failure}`);
    this.failures.push(failure);
  }
}

function contestantsOfAll(workloads: readonly ComparedWorkload[], contestant: Contestant): readonly ComparedWorkload[] {
  return workloads.filter((workload) => contestantsOf(workload, [contestant]).length > 0);
}

function groupsOf(contestant: Contestant, workloads: readonly ComparedWorkload[]): readonly Group[] {
  const groups = Map.groupBy(workloads, membersKeyOf);
  return [...groups.values()].map((own) => ({ contestant, workloads: own }));
}

/** The same for workloads whose members can be connected once: all is equal but when they send. */
function membersKeyOf(workload: ComparedWorkload): string {
  if (workload.kind !== "exchange") return workload.id;
  const { pace: _pace, id: _id, sentence: _sentence, growth: _growth, ...members } = workload;
  return JSON.stringify(members);
}

/** The same for groups that one start of the relays serves. Memory is measured in relays that have done nothing before. */
function settingOf(group: Group): string {
  const [workload] = group.workloads;
  const own = workload?.kind === "idle" ? `${group.contestant.name} ${workload.id}` : "";
  return JSON.stringify([workload?.relayEnvironment, receiveBuffersOf(group), own]);
}

function receiveBuffersOf({ workloads: [workload] }: Group): "large" | "usual" {
  return (workload?.kind === "exchange" ? workload.receiveBuffers : undefined) ?? "large";
}

function burden(percent: number): Readonly<Record<string, string>> {
  const nodeOptions = [process.env["NODE_OPTIONS"], `--import=${BURDEN_PATH}`].filter((words) => words !== undefined);
  return { NODE_OPTIONS: nodeOptions.join(" "), POSTERN_BENCH_BURDEN: String(percent) };
}

function keyOf(contestant: string, workload: string): string {
  return `${contestant}: ${workload}`;
}
