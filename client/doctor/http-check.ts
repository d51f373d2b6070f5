import { type Finding, failed, ok, skipped, warned } from "./finding.ts";
import { askPlainly, type HttpAnswer, isGatewayError, isRelay } from "./http-question.ts";
import type { Patient, Way } from "./scene.ts";

/** A certificate or a token may be taken for one of another time by then. */
const MAX_SKEW_SECONDS = 60;

/** @property isRelayThere whether a relay has answered. */
export type HttpFound = { readonly findings: readonly Finding[]; readonly isRelayThere: boolean };

/** Asks the relay for something that is no WebSocket. Where no relay answers, an upgrade may still do: it is a warning then. */
export async function checkHttp(patient: Patient, way: Way): Promise<HttpFound> {
  let answer: HttpAnswer | undefined;
  try {
    answer = await askPlainly(patient, await way());
  } catch {
    // As one that does not answer.
  }
  if (answer === undefined) return { findings: [warned("http", "no answer")], isRelayThere: false };
  const clock = clockFinding(patient, answer);
  if (isRelay(answer)) return { findings: [ok("http", "the relay answers"), clock], isRelayThere: true };
  if (isGatewayError(answer)) {
    const finding = failed("http", "relay-down", `${described(answer)}: no relay behind it`);
    return { findings: [finding], isRelayThere: false };
  }
  return { findings: [warned("http", `${described(answer)}: not what a relay says`), clock], isRelayThere: false };
}

function described({ status, server, location }: HttpAnswer): string {
  const words = [
    server === undefined ? "" : ` of ${server}`,
    location === undefined ? "" : `, which sends to ${originOf(location)}`,
  ];
  return `HTTP ${status}${words.join("")}`;
}

/** Without what may be a secret: a page for signing in puts tokens behind it. */
function originOf(location: string): string {
  try {
    return new URL(location).origin;
  } catch {
    return "another page";
  }
}

function clockFinding({ epochMs }: Patient, { date }: HttpAnswer): Finding {
  const theirMs = Date.parse(date ?? "");
  if (Number.isNaN(theirMs)) return skipped("clock", "the answer has no date");
  const skewSeconds = Math.round((epochMs() - theirMs) / 1000);
  const amount = `${Math.abs(skewSeconds)} s ${skewSeconds < 0 ? "behind" : "ahead of"} the relay's`;
  return Math.abs(skewSeconds) <= MAX_SKEW_SECONDS
    ? ok("clock", `this machine's clock agrees with the relay's`)
    : warned("clock", `this machine's clock is ${amount}`);
}
