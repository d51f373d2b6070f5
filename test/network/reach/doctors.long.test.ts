import { execFile } from "node:child_process";
import { join } from "node:path";
import { expect } from "vitest";
import { causeOf } from "../../../client/doctor/common/causes.ts";
import { TIME_FACTOR } from "../../support/patience.ts";
import { hasCommands, itWithNetworks } from "../../support/requires.ts";
import { RELAY_NAME } from "./addresses.ts";
import { environmentOf } from "./desk.ts";
import { Lab } from "./lab.ts";
import type { Office } from "./office.ts";
import { policyRows } from "./policy-rows.ts";
import { longestFirst, type Row } from "./row.ts";
import { sideBySide } from "./side-by-side.ts";

const it = itWithNetworks();
const AT_A_TIME = 10;
/** Each row has a time of its own. */
const ALL_MS = 300_000;
const COMMAND = [process.execPath, join(import.meta.dirname, "../../../client/cli/main.ts"), "doctor"];
const MAX_MS = 20_000;

it(
  "names the cause in every kind of network, in less than 20 s, with its exit code",
  async () => {
    const rows = longestFirst(policyRows).filter(({ name, needs = [] }) => hasCommands(needs, `the network "${name}"`));
    const lab = await Lab.start();

    const outcomes = await sideBySide(rows, AT_A_TIME, (row) => verdictIn(lab, row));

    expect(outcomes).toEqual(
      rows.map(
        ({ name, cause, hindrance = "nothing", isIntercepted = false }) =>
          `${name}: ${cause ?? `works, hindered by ${hindrance}, intercepted: ${isIntercepted ? "yes" : "no"}`}, ${cause === undefined ? 0 : causeOf(cause).exitCode}`,
      ),
    );
  },
  ALL_MS,
);

async function verdictIn(lab: Lab, { name, build }: Row): Promise<string> {
  const office = lab.office(name);
  await build(office);
  const startedMs = performance.now();
  const { exitCode, output } = await examine(office);
  const tookMs = performance.now() - startedMs;
  const { verdict, tls, findings } = JSON.parse(output) as {
    readonly tls?: { readonly intercepted: string };
    readonly verdict: { readonly works: boolean; readonly cause?: string; readonly hindrance?: string };
    readonly findings: readonly { readonly check: string; readonly state: string; readonly text: string }[];
  };
  const seen = findings
    .filter(({ state }) => state !== "skipped")
    .map(({ check, state, text }) => `${state} ${check}: ${text}`);
  process.stdout.write(`${name}:\n  ${seen.join("\n  ")}\n`);
  const late = tookMs > MAX_MS * TIME_FACTOR ? `, after ${Math.round(tookMs)} ms` : "";
  const works = `works, hindered by ${verdict.hindrance ?? "nothing"}, intercepted: ${tls?.intercepted}`;
  return `${name}: ${verdict.works ? works : verdict.cause}, ${exitCode}${late}`;
}

/** Runs the doctor at the desk, and never rejects. */
function examine(office: Office): Promise<{ readonly exitCode: number; readonly output: string }> {
  const words = ["netns", "exec", office.desk.name, "env", "-i", ...environmentOf(office), ...COMMAND];
  const { promise, resolve } = Promise.withResolvers<{ readonly exitCode: number; readonly output: string }>();
  const options = { timeout: 4 * MAX_MS * TIME_FACTOR };
  const asked = [`wss://${RELAY_NAME}`, "--json", "--stun", "3478", "--relay-key", office.lab.relayKey];
  const child = execFile("ip", [...words, ...asked], options, (_error, output) => {
    resolve({ exitCode: child.exitCode ?? -1, output: output || "{}" });
  });
  return promise;
}
