import type { Clock } from "../../client/clock.ts";
import { type Finding, ok, skipped, warned } from "../../client/doctor/common/finding.ts";
import { within } from "../../client/doctor/common/patience.ts";
import { words } from "../../client/doctor/common/words.ts";

const TIME_MS = 4000;

type Outcome = "answered" | "unanswered" | "untold";

/** Has the browser ask the relay's STUN port (RFC 8489) for its public address: whether UDP comes there and back. Never rejects. */
export async function checkUdp(clock: Clock, host: string, port: number | undefined): Promise<Finding> {
  if (port === undefined) return skipped("udp", words.noStunPort);
  const connection = connectionBy(`stun:${host}:${port}`);
  if (connection === undefined) return skipped("udp", words.noWebRtc);
  const outcome = await within(clock, TIME_MS, outcomeOf(connection));
  connection.close();
  if (outcome === "answered") return ok("udp", words.udpAnswered(port));
  return outcome === "untold" ? skipped("udp", words.udpUntold) : warned("udp", words.udpUnanswered(port));
}

/** Policies of a company, and some extensions, take WebRTC away. */
function connectionBy(urls: string): RTCPeerConnection | undefined {
  try {
    return new RTCPeerConnection({ iceServers: [{ urls }] });
  } catch {
    return undefined;
  }
}

/** A candidate of the kind that only a STUN server can tell means an answer (RFC 8445 section 5.1.1.2), code 701 that none came. */
async function outcomeOf(connection: RTCPeerConnection): Promise<Outcome> {
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  let hasFailed = false;
  connection.addEventListener("icecandidateerror", () => {
    hasFailed = true;
  });
  connection.addEventListener("icecandidate", ({ candidate }) => {
    if (candidate?.type === "srflx") resolve("answered");
  });
  connection.addEventListener("icegatheringstatechange", () => {
    if (connection.iceGatheringState === "complete") resolve(hasFailed ? "unanswered" : "untold");
  });
  connection.createDataChannel("doctor");
  await connection.setLocalDescription();
  return promise;
}
