import { whole } from "../bench/report/numbers.ts";
import { median } from "../bench/report/statistics.ts";
import { type TrialResult, USUAL } from "./trial.ts";

/** How a trial came about. */
type KillTestRun = {
  readonly command: string;
  readonly finishedAt: string;
  /** The last commit that changed relay or client. */
  readonly version: string;
  /** The one-minute load before it. */
  readonly loadBefore: number;
  /** Kernel and runtime. */
  readonly system: string;
};

/** All trials that a page shows. */
export type KillTestResults = {
  readonly format: 2;
  readonly machine: Readonly<Record<string, string>>;
  readonly trials: readonly (TrialResult & { readonly run: KillTestRun })[];
};

/** A contestant, as far as the table needs it. */
type Named = { readonly name: string; readonly sentence: string };

/** The times of a trial are of whole tenths of a second. */
const LATE_MS = 50;
/** A trial that takes longer says how long. */
const LONG_MS = 300_000;

const COLUMNS = [
  "contestant",
  "disruption",
  "owed",
  "lost silently",
  "lost and told",
  "doubled",
  "reordered",
  "held, s a minute: mean (worst)",
  "caught up, s: p50 (longest)",
  "back, s: p50 (longest)",
];

/** The results as a page shows them. */
export function toKillTestMarkdown({ machine, trials }: KillTestResults, contestants: readonly Named[]): string {
  const rows = contestants.flatMap(({ name }) => {
    const own = trials.filter(({ contestant }) => contestant === name);
    return own.length === 0 ? [[name, "not run yet", ...COLUMNS.slice(2).map(() => "")]] : own.map(toRow);
  });
  const notes = trials.flatMap(toNotes);
  return [
    ...table(["", ""], [...Object.entries(machine), ...runRows(trials)]),
    "",
    ...table(COLUMNS, rows),
    "",
    ...contestants.map(({ name, sentence }) => `- **${name}**: ${sentence}.`),
    ...(notes.length === 0 ? [] : ["", ...notes.map((note) => `- ${note}`)]),
    "",
  ].join("\n");
}

/** In seconds; a run that never came so far counts as longer than all others. */
export function spanText(spansMs: readonly (number | null)[]): string {
  if (spansMs.length === 0) return "";
  const never = spansMs.filter((span) => span === null).length;
  const middle = median(spansMs.map((span) => span ?? Number.POSITIVE_INFINITY));
  const rest = never > 0 ? `${never} of ${spansMs.length} never` : seconds(Math.max(...spansMs.map(Number)));
  return `${Number.isFinite(middle) ? seconds(middle) : "never"} (${rest})`;
}

function toRow(trial: TrialResult): readonly string[] {
  const held = trial.heldMsPerMinute;
  const mean = held.reduce((sum, ms) => sum + ms, 0) / Math.max(1, held.length);
  return [
    trial.contestant,
    `${trial.disruption} × ${trial.count}${unusualText(trial)}`,
    whole(trial.owed),
    whole(trial.lostSilently),
    whole(trial.lostTold),
    whole(trial.doubled),
    whole(trial.reordered),
    `${seconds(mean)} (${seconds(Math.max(0, ...held))})`,
    spanText(trial.caughtUpMs),
    spanText(trial.backMs),
  ];
}

function unusualText({ publishedForMs, messagesPerSecond }: TrialResult): string {
  const length = publishedForMs > LONG_MS ? ` in ${Math.round(publishedForMs / 60_000)} min` : "";
  return messagesPerSecond === USUAL.messagesPerSecond ? length : `${length}, ${messagesPerSecond} messages/s`;
}

/** What has no column because it is hardly ever there. */
function toNotes(trial: TrialResult): readonly string[] {
  const { contestant, disruption, strange, refused, toldInVain, stillWaiting, loopDelayMs } = trial;
  const counts = [
    [strange, "messages came that were never sent so"],
    [refused, "messages were refused at their sender, who knows it"],
    [toldInVain, "deliveries were told as lost that came, or were told twice"],
    [stillWaiting, "publishes were still waiting at the end"],
    [
      loopDelayMs > LATE_MS ? loopDelayMs : 0,
      "ms late was every hundredth turn of the test itself, or later: so are its times",
    ],
  ] as const;
  return counts.flatMap(([count, what]) =>
    count === 0 ? [] : `${contestant}, ${disruption}: ${whole(count)} ${what}.`,
  );
}

function runRows(trials: KillTestResults["trials"]): readonly (readonly [string, string])[] {
  const runs = new Map(trials.map(({ run }) => [run.finishedAt, run]));
  return [...runs.values()].map(({ command, finishedAt, version, loadBefore, system }) => [
    "run",
    `\`${command}\`: relay ${version}, finished ${finishedAt}, load before it ${loadBefore.toFixed(1)}; ${system}`,
  ]);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1);
}
