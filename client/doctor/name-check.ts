import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { type Finding, failed, ok } from "./common/finding.ts";
import { SILENCE, stopwatch, within } from "./common/patience.ts";
import { codeOf, hostOf, type Patient } from "./scene.ts";

/** A resolver gives up after 5 s, and asks twice. */
const TIME_MS = 6000;

/** The addresses of the relay; empty where there are none. */
export type NamesFound = { readonly finding: Finding; readonly addresses: readonly string[] };

/** Looks the relay's name up as every program does. */
export async function checkName(patient: Patient): Promise<NamesFound> {
  const host = hostOf(patient);
  if (isIP(host) !== 0) return { finding: ok("name", `${host} is an address`), addresses: [host] };
  const tookMs = stopwatch(patient.clock);
  try {
    const answer = await within(patient.clock, TIME_MS, lookup(host, { all: true }));
    if (answer === SILENCE) return none("name-silent", `no answer about ${host} in ${tookMs()} ms`);
    const addresses = answer.map(({ address }) => address);
    return { finding: ok("name", `${host} is ${addresses.join(", ")} (${tookMs()} ms)`), addresses };
  } catch (error) {
    const code = codeOf(error);
    return none(code === "EAI_AGAIN" ? "name-silent" : "name-unknown", `${host} is not found (${code})`);
  }
}

function none(cause: "name-silent" | "name-unknown", text: string): NamesFound {
  return { finding: failed("name", cause, text), addresses: [] };
}
