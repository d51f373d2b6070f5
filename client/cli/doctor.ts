import { parseArgs } from "node:util";
import { epochMs, systemClock } from "../clock.ts";
import { causeOf } from "../doctor/common/causes.ts";
import { type DiagnoseOptions, diagnoseBy } from "../doctor/diagnosis.ts";
import { CONNECT_HELP, CONNECT_OPTIONS, connectOptionsOf } from "./connect-options.ts";
import { lineOf, ticketFor, verdictLines } from "./doctor-report.ts";
import { ExitCode, type Terminal } from "./terminal.ts";
import { toTerminalJson, toTerminalText } from "./terminal-text.ts";

/** What is printed: for a person as it is found, a text to hand on, or JSON. */
type Form = "checklist" | "ticket" | "json";

type DoctorRequest = { readonly address: string; readonly form: Form; readonly options: DiagnoseOptions };

/**
 * `doctor`: why an app does not get through to a relay.
 * @returns 0: it does; 2: the command line is wrong; else the exit code of the cause, see docs/doctor.md#causes. Never throws for
 *   what a user can get wrong.
 */
export async function doctor(args: readonly string[], terminal: Terminal, program: string): Promise<number> {
  let request: DoctorRequest | "help";
  try {
    request = await parse(args, terminal);
  } catch (error) {
    return refuse(error, terminal, program);
  }
  if (request === "help") {
    terminal.stdout.write(helpOf(program));
    return ExitCode.success;
  }
  return examine(request, terminal, program);
}

async function examine(
  { address, form, options }: DoctorRequest,
  terminal: Terminal,
  program: string,
): Promise<number> {
  // The checklist of a ticket is for whoever waits.
  const checklist = form === "ticket" ? terminal.stderr : terminal.stdout;
  const onFinding: DiagnoseOptions["onFinding"] = (finding) => {
    if (form !== "json") print(checklist, [lineOf(finding)]);
  };
  try {
    const scene = { clock: systemClock, platform: process.platform, env: terminal.env };
    const diagnosis = await diagnoseBy(scene, address, { ...options, onFinding });
    const { verdict } = diagnosis;
    if (form === "json") {
      const exitCode = verdict.works ? 0 : causeOf(verdict.cause).exitCode;
      terminal.stdout.write(`${toTerminalJson({ ...diagnosis, exitCode })}\n`);
    } else if (form === "ticket") print(terminal.stdout, ticketFor(diagnosis, new Date(epochMs())));
    else print(terminal.stdout, ["", ...verdictLines(verdict, program)]);
    return verdict.works ? ExitCode.success : causeOf(verdict.cause).exitCode;
  } catch (error) {
    return refuse(error, terminal, program);
  }
}

function print(output: NodeJS.WritableStream, lines: readonly string[]): void {
  output.write(lines.map((line) => `${toTerminalText(line)}\n`).join(""));
}

async function parse(args: readonly string[], terminal: Terminal): Promise<DoctorRequest | "help"> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      ...CONNECT_OPTIONS,
      ticket: { type: "boolean" },
      json: { type: "boolean" },
      "relay-key": { type: "string" },
      idle: { type: "string" },
      stun: { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help === true) return "help";
  const [address, ...others] = positionals;
  if (address === undefined || others.length > 0) throw new Error("Give the address of one relay.");
  if (values.ticket === true && values.json === true) throw new Error("It is either --ticket or --json.");
  const { fingerprint, "ca-file": caFile, proxy: proxyWord, "token-file": tokenFile } = values;
  const words = { fingerprint, caFile, proxy: proxyWord, tokenFile };
  const { tls, proxy, token } = await connectOptionsOf(words, terminal.env);
  return {
    address,
    form: values.ticket === true ? "ticket" : values.json === true ? "json" : "checklist",
    options: {
      tls: { ...tls, relayKey: values["relay-key"] },
      proxy,
      token: typeof token === "function" ? await token() : token,
      quietSeconds: numberOf("--idle", values.idle, 3600),
      stunPort: numberOf("--stun", values.stun, 65_535),
    },
  };
}

function numberOf(name: string, text: string | undefined, max: number): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= 1 && number <= max) return number;
  throw new Error(`${name} takes a whole number from 1 to ${max}.`);
}

function refuse(error: unknown, terminal: Terminal, program: string): ExitCode {
  const problem = error instanceof Error ? error.message : String(error);
  terminal.stderr.write(`${program} doctor: ${toTerminalText(problem)}\nSee ${program} doctor --help\n`);
  return ExitCode.usage;
}

function helpOf(program: string): string {
  return `Usage: ${program} doctor <relay> [options]

Finds out why an app cannot reach a relay: it connects step by step, and says what stops it, what to do, and who can. It
takes less than 20 s, joins a topic of its own with a random name, and sends nothing of yours.

  relay                 the address that the app dials: wss://relay.example.com

Options:
  --ticket              print a text for the help desk that says what to allow; nothing in it is secret
  --json                print what was found as JSON
  --idle <seconds>      also leave a connection quiet for so long, and see whether it is cut
  --relay-key <text>    the relay's own public key: see by it whether somebody intercepts TLS
  --stun <port>         the relay's STUN port: also test UDP
${CONNECT_HELP}
  -h, --help

Exit codes: 0 if apps get through; otherwise the number of the cause, listed in docs/doctor.md.

Example:
  ${program} doctor wss://relay.example.com --ticket
`;
}
