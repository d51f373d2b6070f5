import { epochMs, systemClock } from "../../client/clock.ts";
import { ANSWER_TIME_MS } from "../../client/doctor/common/echo.ts";
import {
  type CheckName,
  checkNames,
  type Finding,
  failed,
  ok,
  skipped,
  warned,
} from "../../client/doctor/common/finding.ts";
import { converse } from "../../client/doctor/common/frames-check.ts";
import { judgeAnswer } from "../../client/doctor/common/http-answer.ts";
import { stopwatch } from "../../client/doctor/common/patience.ts";
import { isGotPast } from "../../client/doctor/common/verdict.ts";
import { words } from "../../client/doctor/common/words.ts";
import { webSocketDial } from "../../client/line/web-socket.ts";
import { fetchRequest } from "../../client/polling/fetch-request.ts";
import { pollDial } from "../../client/polling/poll-socket.ts";
import { randomWord } from "../../client/random.ts";
import { askRelay } from "./http-question.ts";
import { openEcho } from "./opening.ts";
import { checkUdp } from "./udp-check.ts";

const TIME_MS = 5000;

/** What is looked at, and how. */
export type Wish = {
  /** The relay's address as a WebSocket has it: `wss:` or `ws:`. */
  readonly address: string;
  readonly token: string | undefined;
  /** How long a connection is left without messages; 0: not at all. */
  readonly quietSeconds: number;
  /** Called with each finding as it is found. */
  readonly onFinding: (finding: Finding) => void;
};

/** Goes the way of a connection as far as a page sees it, and stops at the first step that no app gets past. Never rejects. */
export async function examine(wish: Wish): Promise<readonly Finding[]> {
  const examination = new Examination(wish);
  await examination.run();
  return examination.findings;
}

class Examination {
  readonly findings: Finding[] = [];
  readonly #wish: Wish;
  readonly #url: URL;

  constructor(wish: Wish) {
    this.#wish = wish;
    this.#url = new URL(wish.address);
  }

  async run(): Promise<void> {
    await this.#reach();
    const seen = new Set<CheckName>(this.findings.map(({ check }) => check));
    for (const check of checkNames) {
      if (check in words.checks && !seen.has(check)) this.#note(skipped(check, words.notLookedAt));
    }
  }

  async #reach(): Promise<void> {
    const tookMs = stopwatch(systemClock);
    const answer = await askRelay(this.#wish.address.replace(/^ws/, "http"), TIME_MS);
    if (answer === undefined) {
      this.#note(failed("tcp", "not-reached", navigator.onLine ? words.notReached(tookMs()) : words.offline));
      return;
    }
    const reachedMs = tookMs();
    this.#note(ok("tcp", words.reached(reachedMs), { tookMs: reachedMs }));
    const isTls = this.#url.protocol === "wss:";
    this.#note(isTls ? ok("tls", words.tlsTrusted) : skipped("tls", words.noTls));
    const { findings, isRelayThere, stunPort } = judgeAnswer(answer, epochMs());
    this.#note(isTls ? await this.#interception(isRelayThere) : skipped("interception", words.noTlsToLookInto));
    for (const finding of findings) this.#note(finding);
    if (this.#failure() !== undefined) return;
    const udp = isRelayThere ? checkUdp(systemClock, this.#url.hostname, stunPort) : undefined;
    await this.#upgrade(isRelayThere);
    const cause = this.#failure()?.cause;
    if (cause === undefined || isGotPast(cause)) this.#note(await this.#poll());
    if (udp !== undefined) this.#note(await udp);
  }

  /** A page sees no certificate, but the relay sees whether a browser has greeted it. */
  async #interception(isRelayThere: boolean): Promise<Finding> {
    const address = this.#wish.address.replace(/^ws/, "http").replace(/\/*$/, "/hello");
    const answer = isRelayThere ? await askRelay(address, TIME_MS) : undefined;
    if (answer?.body.includes('"intercepted":"yes"')) return warned("interception", words.interceptionSeen);
    return skipped("interception", words.interceptionUnseen);
  }

  async #upgrade(isRelayThere: boolean): Promise<void> {
    const tookMs = stopwatch(systemClock);
    const { address, token, quietSeconds } = this.#wish;
    const dial = webSocketDial(systemClock);
    const opening = await openEcho(address, { clock: systemClock, dial, token, timeMs: TIME_MS });
    const openedMs = tookMs();
    if (opening.kind !== "open") {
      const text = opening.kind === "silent" ? words.openingUnanswered(TIME_MS) : words.notOpened(openedMs);
      this.#note(failed("upgrade", isRelayThere ? "upgrade-refused" : "page-instead", text));
      return;
    }
    this.#note(ok("upgrade", words.opened(openedMs), { tookMs: openedMs }));
    await converse(opening.echo, { quietSeconds, quietHint: "", note: (finding) => this.#note(finding) });
  }

  /** Joins a topic of its own by the long poll, as the client does where no WebSocket gets through. */
  async #poll(): Promise<Finding> {
    const tookMs = stopwatch(systemClock);
    const { address, token } = this.#wish;
    const dial = pollDial({ clock: systemClock, request: fetchRequest, newToken: randomWord });
    const opening = await openEcho(address, { clock: systemClock, dial, token, timeMs: TIME_MS });
    if (opening.kind !== "open") return warned("long poll", words.notPolled(words.unanswered(TIME_MS)));
    const { echo } = opening;
    const answer = await echo.join();
    const joinedMs = tookMs();
    echo.close();
    if (answer?.type === "joined") return ok("long poll", words.polled(joinedMs), { tookMs: joinedMs });
    // The relay has said so, which is all that matters here.
    if (answer !== undefined) return ok("long poll", words.relayAnswers);
    return warned("long poll", words.notPolled(echo.end?.text ?? words.unanswered(ANSWER_TIME_MS)));
  }

  #failure(): Finding | undefined {
    return this.findings.find(({ state }) => state === "failed");
  }

  /** @returns whether apps get past it. */
  #note(finding: Finding): boolean {
    this.findings.push(finding);
    this.#wish.onFinding(finding);
    return finding.state !== "failed";
  }
}
