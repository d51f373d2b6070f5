import { setTimeout as pause } from "node:timers/promises";
import { SILENT } from "../kill-test/contestant.ts";
import { killTestContestants } from "../kill-test/contestants.ts";
import { cpuMicros, serveEnd } from "./end-process.ts";

/** What the parent asks of an end, one thing at a time. Each is answered with a number. */
export type EndRequest =
  /** Publish so many messages evenly; the answer is how many were. */
  | { readonly ask: "publish"; readonly count: number; readonly perSecond: number }
  /** How many messages have come, as soon as they are so many, or after 30 s. */
  | { readonly ask: "received"; readonly atLeast: number }
  /** The CPU time of this process in microseconds, user and system. */
  | { readonly ask: "cpu" };

/** What an end is started with, as its argument. */
export type EndSetting = {
  readonly contestant: string;
  readonly port: number;
  readonly ca: string;
  readonly index: number;
  readonly payloadBytes: number;
};

const BURST_EVERY_MS = 5;
const RECEIVE_TIMEOUT_MS = 30_000;
const RECEIVE_POLL_MS = 5;

/** One end of a topic of two. */
const setting = JSON.parse(process.argv[2] ?? "") as EndSetting;
const contestant = killTestContestants.find(({ name }) => name === setting.contestant);
if (contestant === undefined) throw new Error(`no contestant ${setting.contestant}`);
const received = { count: 0 };
const member = await contestant.openMember(
  { ...setting, memberCount: 2 },
  { onMessage: () => (received.count += 1), ...SILENT },
);
const payload = new Uint8Array(setting.payloadBytes).fill(7);

serveEnd(answer);

function answer(request: EndRequest): Promise<number> {
  switch (request.ask) {
    case "publish":
      return publish(request.count, request.perSecond);
    case "received":
      return whenReceived(request.atLeast);
    case "cpu":
      return Promise.resolve(cpuMicros());
  }
}

async function publish(count: number, perSecond: number): Promise<number> {
  const beganAtMs = performance.now();
  for (let sent = 0; sent < count; ) {
    const due = Math.min(count, Math.ceil(((performance.now() - beganAtMs) / 1000) * perSecond));
    for (; sent < due; sent += 1) await member.publish(payload);
    await pause(BURST_EVERY_MS);
  }
  return count;
}

async function whenReceived(atLeast: number): Promise<number> {
  for (let waitedMs = 0; received.count < atLeast && waitedMs < RECEIVE_TIMEOUT_MS; waitedMs += RECEIVE_POLL_MS) {
    await pause(RECEIVE_POLL_MS);
  }
  return received.count;
}
