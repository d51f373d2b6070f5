import { randomBytes } from "node:crypto";
import { rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { epochMs, systemClock } from "../clock.ts";
import { causeOf } from "../doctor/common/causes.ts";
import { stopwatch } from "../doctor/common/patience.ts";
import { type DiagnoseOptions, diagnoseBy } from "../doctor/diagnosis.ts";
import { CONNECT_HELP, CONNECT_OPTIONS, connectOptionsOf } from "./connect-options.ts";
import { lineOf, verdictLines } from "./doctor-report.ts";
import { type Probe, probeText } from "./probe-metrics.ts";
import { ExitCode, type Terminal } from "./terminal.ts";
import { toTerminalText } from "./terminal-text.ts";

/** @property textfile where the metrics are put; undefined: they are printed. */
type ProbeRequest = {
  readonly address: string;
  readonly options: DiagnoseOptions;
  readonly textfile: string | undefined;
};

/**
 * `probe`: what the doctor finds, once, as metrics for Prometheus.
 * @returns 0: apps get through; 1: the file could not be written; 2: the command line is wrong; else the exit code of the cause, see
 *   docs/doctor.md#causes. Never throws for what an operator can get wrong.
 */
export async function probe(args: readonly string[], terminal: Terminal, program: string): Promise<number> {
  try {
    const request = await parse(args, terminal);
    if (request !== "help") return await run(request, terminal, program);
    terminal.stdout.write(helpOf(program));
    return ExitCode.success;
  } catch (error) {
    terminal.stderr.write(`${program} probe: ${said(error)}\nSee ${program} probe --help\n`);
    return ExitCode.usage;
  }
}

async function run({ address, options, textfile }: ProbeRequest, terminal: Terminal, program: string): Promise<number> {
  const probed = await look(address, options, terminal);
  const { verdict, findings } = probed;
  if (textfile === undefined) terminal.stdout.write(probeText(probed));
  else {
    try {
      await replaceTextfile(textfile, probeText(probed));
    } catch (error) {
      terminal.stderr.write(`${program} probe: ${said(error)}\n`);
      return ExitCode.failed;
    }
  }
  // The log of a timer has to say why; one that says every minute that all is well is read by nobody.
  const seen = findings.filter(({ state }) => state === "failed").map(lineOf);
  if (!verdict.works) print(terminal.stderr, [...seen, ...verdictLines(verdict, program).slice(0, 1)]);
  return verdict.works ? ExitCode.success : causeOf(verdict.cause).exitCode;
}

async function look(address: string, options: DiagnoseOptions, terminal: Terminal): Promise<Probe> {
  const tookMs = stopwatch(systemClock);
  const scene = { clock: systemClock, platform: process.platform, env: terminal.env };
  const diagnosis = await diagnoseBy(scene, address, { ...options, longPoll: "always" });
  return { ...diagnosis, tookMs: tookMs(), endedAtMs: epochMs() };
}

/** Whoever reads it finds the old file or the new one, and no half of it: it is another user, so all may read it. */
async function replaceTextfile(path: string, text: string): Promise<void> {
  // The collector reads what ends in .prom.
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(8).toString("hex")}`);
  try {
    await writeFile(temporary, text, { flag: "wx", mode: 0o644 });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

function print(output: NodeJS.WritableStream, lines: readonly string[]): void {
  output.write(lines.map((line) => `${toTerminalText(line)}\n`).join(""));
}

function said(error: unknown): string {
  return toTerminalText(error instanceof Error ? error.message : String(error));
}

async function parse(args: readonly string[], terminal: Terminal): Promise<ProbeRequest | "help"> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { ...CONNECT_OPTIONS, textfile: { type: "string" }, help: { type: "boolean", short: "h" } },
  });
  if (values.help === true) return "help";
  const [address, ...others] = positionals;
  if (address === undefined || others.length > 0) throw new Error("It takes the address of one relay.");
  const { fingerprint, "ca-file": caFile, proxy: proxyWord, "token-file": tokenFile, textfile } = values;
  if (textfile === "") throw new Error("--textfile takes the path of a file.");
  const words = { fingerprint, caFile, proxy: proxyWord, tokenFile };
  const { tls, proxy, token } = await connectOptionsOf(words, terminal.env);
  return { address, textfile, options: { tls, proxy, token: typeof token === "function" ? await token() : token } };
}

function helpOf(program: string): string {
  return `Usage: ${program} probe <relay> [options]

Looks at a relay from outside, once, as an app goes there: the doctor's checks and the long poll, as metrics for Prometheus. Run it by
a timer, on another machine than the relay's. It takes less than 30 s, and joins a topic of its own with a random name.

  relay                 the address that the apps dial: wss://relay.example.com

Options:
  --textfile <path>     put the metrics in this file, whole, and print none: for the textfile collector of node_exporter
${CONNECT_HELP}
  -h, --help

It exits with 0 where apps get through, with 1 where the file could not be written, and else with the number of the cause, which it
says on standard error: docs/doctor.md.

Example:
  ${program} probe wss://relay.example.com --textfile /run/postern-probe/postern.prom
`;
}
