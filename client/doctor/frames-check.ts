import { ANSWER_TIME_MS, type Echo, type EchoEnd } from "./echo.ts";
import { type Finding, failed, ok, skipped, warned } from "./finding.ts";
import { type Patient, stopwatch } from "./scene.ts";

/** The last one is larger than a record of TLS, and than what fits into most buffers. */
const PAD_BYTES = [1000, 20_000, 32_000] as const;
/** What a ping is beside its bytes. */
const ENVELOPE_BYTES = 100;
const ROUND_TRIPS = 5;
const MAX_THROUGHPUT_BYTES = 1_000_000;
const MAX_THROUGHPUT_MS = 2000;

/**
 * @property attestation the relay's word for its certificate; undefined: it has none, or nothing is joined.
 * @property padBytes the sizes of messages that come back; empty: this client is not let into a topic, and may ask no more.
 */
export type JoinFound = {
  readonly findings: readonly Finding[];
  readonly padBytes: readonly number[];
  readonly attestation?: string | undefined;
};

/** Sees whether anything comes back at all, and joins a topic of its own: without that a relay takes no large messages. */
export async function checkJoin(echo: Echo): Promise<JoinFound> {
  if ((await echo.ping(0)) === undefined) {
    const silence = failed("frames", "frames-swallowed", `a small message has no answer in ${ANSWER_TIME_MS} ms`);
    return { findings: [echo.end === undefined ? silence : over("frames", echo.end)], padBytes: [] };
  }
  const answer = await echo.join();
  if (answer?.type === "joined") {
    const { maxFrameBytes } = answer.limits;
    const text = `a topic with a random name is joined; features: ${answer.features?.join(", ") ?? "none"}`;
    return {
      findings: [ok("join", text)],
      padBytes: PAD_BYTES.filter((size) => size + ENVELOPE_BYTES <= maxFrameBytes),
      attestation: answer.attestation,
    };
  }
  if (echo.end !== undefined) return { findings: [over("join", echo.end)], padBytes: [] };
  if (answer?.type === "error") {
    const text = `${answer.payload} (${answer.code}): a topic with a random name; another one may be joined`;
    return { findings: [warned("join", text)], padBytes: [] };
  }
  const silence = failed("join", "connection-cut", `no answer to a join in ${ANSWER_TIME_MS} ms`);
  return { findings: [silence], padBytes: [] };
}

/** Sends messages of several sizes there and back. */
export async function checkFrames(echo: Echo, padBytes: readonly number[]): Promise<Finding> {
  for (const size of padBytes) {
    if ((await echo.ping(size)) !== undefined) continue;
    if (echo.end !== undefined) return over("frames", echo.end);
    return failed("frames", "large-frames-lost", `a message of ${size} bytes has no answer in ${ANSWER_TIME_MS} ms`);
  }
  const largest = padBytes.at(-1);
  return ok(
    "frames",
    largest === undefined ? "small messages come back" : `messages of up to ${largest} bytes come back`,
  );
}

/** Measures how long small messages take there and back. */
export async function checkRoundTrip(echo: Echo): Promise<Finding> {
  const times: number[] = [];
  for (let count = 0; count < ROUND_TRIPS; count += 1) {
    const tookMs = await echo.ping(0);
    if (tookMs === undefined) return cutOff("round trip", echo);
    times.push(tookMs);
  }
  const sorted = times.toSorted((a, b) => a - b);
  return ok("round trip", `${sorted[Math.floor(sorted.length / 2)]} ms; ${sorted[0]} to ${sorted.at(-1)} ms`);
}

/** Measures how much goes there and back, for about 2 s and 1 MB at most. */
export async function checkThroughput(patient: Patient, echo: Echo, padBytes: readonly number[]): Promise<Finding> {
  const size = padBytes.at(-1);
  if (size === undefined) return skipped("throughput", "not measured: no topic is joined");
  const tookMs = stopwatch(patient.clock);
  let bytes = 0;
  while (bytes < MAX_THROUGHPUT_BYTES && tookMs() < MAX_THROUGHPUT_MS) {
    if ((await echo.ping(size)) === undefined) return cutOff("throughput", echo);
    bytes += size;
  }
  const kbitPerSecond = Math.round((bytes * 8) / Math.max(1, tookMs()));
  return ok("throughput", `${kbitPerSecond} kbit/s each way, by one message of ${size} bytes after the other`);
}

/** Says nothing for so long, and asks then. */
export async function checkQuiet(patient: Patient, echo: Echo, quietSeconds: number): Promise<Finding> {
  if (quietSeconds === 0) return skipped("quiet", "not asked for (--idle)");
  const { promise, resolve } = Promise.withResolvers<void>();
  patient.clock.after(quietSeconds * 1000, resolve);
  await promise;
  if ((await echo.ping(0)) !== undefined) return ok("quiet", `still there after ${quietSeconds} s without a message`);
  return failed("quiet", "quiet-connection-cut", `dead after ${quietSeconds} s without a message`);
}

function cutOff(check: "round trip" | "throughput", { end }: Echo): Finding {
  if (end !== undefined) return over(check, end);
  return failed(check, "connection-cut", `no answer in ${ANSWER_TIME_MS} ms`);
}

function over(check: Finding["check"], { cause, text }: EchoEnd): Finding {
  return failed(check, cause, text);
}
