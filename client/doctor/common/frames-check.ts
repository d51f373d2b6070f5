import { ANSWER_TIME_MS, type Echo, type EchoEnd } from "./echo.ts";
import { type Finding, failed, ok, skipped, warned } from "./finding.ts";
import { stopwatch } from "./patience.ts";
import { words } from "./words.ts";

/** The last one is larger than a record of TLS, and than what fits into most buffers. */
const PAD_BYTES = [1000, 20_000, 32_000] as const;
/** What a ping is beside its bytes. */
const ENVELOPE_BYTES = 100;
const ROUND_TRIPS = 5;
const MAX_THROUGHPUT_BYTES = 1_000_000;
const MAX_THROUGHPUT_MS = 2000;

/** What to do on an open connection. */
export type Conversation = {
  /** How long to be quiet; 0: not at all. */
  readonly quietSeconds: number;
  /** What to say then. */
  readonly quietHint: string;
  /** Takes each finding. @returns whether to go on. */
  readonly note: (finding: Finding) => boolean;
  /** Called once apps are let in, with the relay's word for its certificate; undefined: it has none, or nothing is joined. */
  readonly onJoined?: (attestation: string | undefined) => void;
};

/** Sees what an open connection does, step by step until one fails, and ends it. */
export async function converse(
  echo: Echo,
  { quietSeconds, quietHint, note, onJoined = () => undefined }: Conversation,
): Promise<void> {
  const { findings, padBytes, attestation } = await checkJoin(echo);
  const isIn = findings.map(note).every((goesOn) => goesOn);
  if (isIn) onJoined(attestation);
  const works =
    isIn &&
    note(await checkFrames(echo, padBytes)) &&
    note(await checkRoundTrip(echo)) &&
    note(await checkThroughput(echo, padBytes));
  if (works) note(await checkQuiet(echo, quietSeconds, quietHint));
  echo.close();
}

/**
 * @property attestation the relay's word for its certificate; undefined: it has none, or nothing is joined.
 * @property padBytes the sizes of messages that come back; empty: this client is not let into a topic, and may ask no more.
 */
type JoinFound = {
  readonly findings: readonly Finding[];
  readonly padBytes: readonly number[];
  readonly attestation?: string | undefined;
};

/** Sees whether anything comes back at all, and joins a topic of its own: without that a relay takes no large messages. */
async function checkJoin(echo: Echo): Promise<JoinFound> {
  if ((await echo.ping(0)) === undefined) {
    const silence = failed("frames", "frames-swallowed", words.smallSwallowed(ANSWER_TIME_MS));
    return { findings: [echo.end === undefined ? silence : over("frames", echo.end)], padBytes: [] };
  }
  const tookMs = stopwatch(echo.clock);
  const answer = await echo.join();
  if (answer?.type === "joined") {
    const { maxFrameBytes } = answer.limits;
    const text = words.joined(answer.features?.join(", ") ?? words.noFeatures);
    return {
      findings: [ok("join", text, { tookMs: tookMs() })],
      padBytes: PAD_BYTES.filter((size) => size + ENVELOPE_BYTES <= maxFrameBytes),
      attestation: answer.attestation,
    };
  }
  if (echo.end !== undefined) return { findings: [over("join", echo.end)], padBytes: [] };
  if (answer?.type === "error") {
    return { findings: [warned("join", words.notJoined(`${answer.payload} (${answer.code})`))], padBytes: [] };
  }
  const silence = failed("join", "connection-cut", words.joinUnanswered(ANSWER_TIME_MS));
  return { findings: [silence], padBytes: [] };
}

/** Sends messages of several sizes there and back. */
async function checkFrames(echo: Echo, padBytes: readonly number[]): Promise<Finding> {
  for (const size of padBytes) {
    if ((await echo.ping(size)) !== undefined) continue;
    if (echo.end !== undefined) return over("frames", echo.end);
    return failed("frames", "large-frames-lost", words.largeSwallowed(size, ANSWER_TIME_MS));
  }
  const largest = padBytes.at(-1);
  return ok("frames", largest === undefined ? words.smallComeBack : words.comeBack(largest));
}

/** Measures how long small messages take there and back. */
async function checkRoundTrip(echo: Echo): Promise<Finding> {
  const times: number[] = [];
  for (let count = 0; count < ROUND_TRIPS; count += 1) {
    const tookMs = await echo.ping(0);
    if (tookMs === undefined) return cutOff("round trip", echo);
    times.push(tookMs);
  }
  const sorted = times.toSorted((a, b) => a - b);
  const [leastMs = 0, medianMs = 0, mostMs = 0] = [0, Math.floor(sorted.length / 2), -1].map((at) => sorted.at(at));
  return ok("round trip", words.roundTrip(medianMs, leastMs, mostMs), { tookMs: medianMs });
}

/** Measures how much goes there and back, for about 2 s and 1 MB at most. */
async function checkThroughput(echo: Echo, padBytes: readonly number[]): Promise<Finding> {
  const size = padBytes.at(-1);
  if (size === undefined) return skipped("throughput", words.notMeasured);
  const tookMs = stopwatch(echo.clock);
  let bytes = 0;
  while (bytes < MAX_THROUGHPUT_BYTES && tookMs() < MAX_THROUGHPUT_MS) {
    if ((await echo.ping(size)) === undefined) return cutOff("throughput", echo);
    bytes += size;
  }
  return ok("throughput", words.throughput(Math.round((bytes * 8) / Math.max(1, tookMs())), size));
}

/** Says nothing for so long, and asks then. @param hint how to ask for it, where nobody has. */
async function checkQuiet(echo: Echo, quietSeconds: number, hint: string): Promise<Finding> {
  if (quietSeconds === 0) return skipped("quiet", `${words.notWaited}${hint}`);
  const { promise, resolve } = Promise.withResolvers<void>();
  echo.clock.after(quietSeconds * 1000, resolve);
  await promise;
  if ((await echo.ping(0)) !== undefined) return ok("quiet", words.stillThere(quietSeconds));
  return failed("quiet", "quiet-connection-cut", words.deadAfter(quietSeconds));
}

function cutOff(check: "round trip" | "throughput", { end }: Echo): Finding {
  if (end !== undefined) return over(check, end);
  return failed(check, "connection-cut", words.unanswered(ANSWER_TIME_MS));
}

function over(check: Finding["check"], { cause, text }: EchoEnd): Finding {
  return failed(check, cause, text);
}
