import { randomBytes } from "node:crypto";
import { PosternError } from "../errors.ts";
import { connect } from "../node.ts";
import type { Relay, TlsInfo } from "../relay.ts";
import { type Finding, ok, warned } from "./common/finding.ts";
import { stopwatch } from "./common/patience.ts";
import { words } from "./common/words.ts";
import type { Patient } from "./scene.ts";

/** Two requests and their answers. */
const TIME_MS = 6000;

/** @property tls what is known of TLS then; undefined without TLS, and where nothing got through. */
export type PollFound = { readonly finding: Finding; readonly tls: TlsInfo | undefined };

/** Joins a topic of its own by the long poll alone, as the client does where no WebSocket gets through. Never rejects. */
export async function checkPoll(patient: Patient): Promise<PollFound> {
  const { url, tls, proxy, token } = patient;
  const relay = connect(url.href, { tls, proxy, token, transports: ["polling"] });
  try {
    const finding = await joinOf(patient, relay);
    return { finding, tls: finding.state === "ok" ? relay.info.tls : undefined };
  } finally {
    await relay.close();
  }
}

async function joinOf({ clock }: Patient, relay: Relay): Promise<Finding> {
  const tookMs = stopwatch(clock);
  try {
    await relay.join(`postern-doctor-${randomBytes(16).toString("hex")}`, { public: true, timeoutMs: TIME_MS });
    const figures = { tookMs: tookMs() };
    return ok("long poll", words.polled(figures.tookMs), figures);
  } catch (error) {
    // The relay has said so, which is all that matters here.
    if (error instanceof PosternError && error.code === "not-permitted") return ok("long poll", words.relayAnswers);
    return warned("long poll", words.notPolled(error instanceof Error ? error.message : String(error)));
  }
}
