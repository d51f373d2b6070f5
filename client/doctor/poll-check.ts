import { randomBytes } from "node:crypto";
import { PosternError } from "../errors.ts";
import { connect } from "../node.ts";
import { type Finding, ok, warned } from "./common/finding.ts";
import { stopwatch } from "./common/patience.ts";
import { words } from "./common/words.ts";
import type { Patient } from "./scene.ts";

/** Two requests and their answers. */
const TIME_MS = 6000;

/** Joins a topic of its own by the long poll alone, as the client does where no WebSocket gets through. Never rejects. */
export async function checkPoll({ clock, url, tls, proxy, token }: Patient): Promise<Finding> {
  const tookMs = stopwatch(clock);
  const relay = connect(url.href, { tls, proxy, token, transports: ["polling"] });
  try {
    await relay.join(`postern-doctor-${randomBytes(16).toString("hex")}`, { public: true, timeoutMs: TIME_MS });
    const figures = { tookMs: tookMs() };
    return ok("long poll", words.polled(figures.tookMs), figures);
  } catch (error) {
    // The relay has said so, which is all that matters here.
    if (error instanceof PosternError && error.code === "not-permitted") return ok("long poll", words.relayAnswers);
    return warned("long poll", words.notPolled(error instanceof Error ? error.message : String(error)));
  } finally {
    await relay.close();
  }
}
