import { type Finding, failed, ok, skipped, warned } from "./finding.ts";
import { words } from "./words.ts";

/** What a relay says of itself is shorter. */
export const MAX_BODY_BYTES = 4096;
/** A certificate or a token may be taken for one of another time by then. */
const MAX_SKEW_SECONDS = 60;

/** The answer to a request. @property body its beginning. @property date as it was sent, or undefined. */
export type HttpAnswer = {
  /** 0: it sends to another page, and the browser does not tell which. */
  readonly status: number;
  readonly server: string | undefined;
  readonly location: string | undefined;
  readonly date: string | undefined;
  /** RFC 9110 section 7.6.3: the proxies on the way that say so. */
  readonly via: string | undefined;
  readonly body: string;
};

/** What an answer has told. */
export type HttpFound = {
  readonly findings: readonly Finding[];
  /** Whether a relay has answered. */
  readonly isRelayThere: boolean;
  /** Its UDP port for STUN, where it tells one. */
  readonly stunPort?: number | undefined;
};

/**
 * What an answer to a request for the relay's address means. Where no relay answers, an upgrade may still do: it is a warning then.
 * @param answer undefined where none came. @param nowMs milliseconds since the epoch, by this machine.
 */
export function judgeAnswer(answer: HttpAnswer | undefined, nowMs: number): HttpFound {
  if (answer === undefined) return { findings: [warned("http", words.noAnswer)], isRelayThere: false };
  const clock = clockFinding(answer, nowMs);
  if (isRelay(answer)) {
    const text = answer.via === undefined ? words.relayAnswers : words.relayAnswersBy(answer.via);
    return { findings: [ok("http", text), clock], isRelayThere: true, stunPort: stunPortIn(answer) };
  }
  if (isGatewayError(answer)) {
    const finding = failed("http", "relay-down", words.nobodyBehind(described(answer)));
    return { findings: [finding], isRelayThere: false };
  }
  return { findings: [warned("http", words.answersInItsPlace(described(answer))), clock], isRelayThere: false };
}

/** Whether it is what a relay of this kind says of itself. */
export function isRelay({ body }: HttpAnswer): boolean {
  return membersOf(body)["service"] === "postern";
}

function stunPortIn({ body }: HttpAnswer): number | undefined {
  const { stun_port: port } = membersOf(body);
  return typeof port === "number" && Number.isInteger(port) && port >= 1 && port <= 65_535 ? port : undefined;
}

/** Whether somebody in front says that there is nobody behind. */
function isGatewayError({ status }: HttpAnswer): boolean {
  return status === 502 || status === 503 || status === 504;
}

function membersOf(body: string): Readonly<Record<string, unknown>> & { readonly stun_port?: unknown } {
  try {
    const said: unknown = JSON.parse(body);
    return typeof said === "object" && said !== null ? { ...said } : {};
  } catch {
    return {};
  }
}

function described({ status, server, location }: HttpAnswer): string {
  if (status === 0) return words.sendsElsewhere;
  const parts = [
    server === undefined ? "" : ` of ${server}`,
    location === undefined ? "" : words.sendsTo(originOf(location)),
  ];
  return `HTTP ${status}${parts.join("")}`;
}

/** Without what may be a secret: a page for signing in puts tokens behind it. */
function originOf(location: string): string {
  try {
    return new URL(location).origin;
  } catch {
    return "another page";
  }
}

function clockFinding({ date }: HttpAnswer, nowMs: number): Finding {
  const theirMs = Date.parse(date ?? "");
  if (Number.isNaN(theirMs)) return skipped("clock", words.noDate);
  const skewSeconds = Math.round((nowMs - theirMs) / 1000);
  if (Math.abs(skewSeconds) <= MAX_SKEW_SECONDS) return ok("clock", words.clockAgrees);
  return warned("clock", skewSeconds < 0 ? words.clockBehind(-skewSeconds) : words.clockAhead(skewSeconds));
}
