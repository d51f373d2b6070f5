import { setTimeout as sleep } from "node:timers/promises";
import { PATIENCE_MS, TIME_FACTOR } from "../../support/patience.ts";
import { Desk } from "./desk.ts";
import type { DeskEvent } from "./desk-events.ts";
import type { FaultRow, QuietRow } from "./fault-rows.ts";
import type { Lab } from "./lab.ts";

/** Before a fault, so that it strikes a stream that flows. */
const FLOW_MS = 2000;

/** Has a fault strike a client that streams. @returns what of it was not as it has to be */
export async function survive(lab: Lab, row: FaultRow): Promise<string> {
  const office = lab.office(row.name);
  await row.build?.(office);
  const desk = new Desk(office);
  if (!(await desk.heard(() => desk.of("passes").length > 0, PATIENCE_MS))) return `${row.name}: never began`;
  desk.process.write("stream");
  await sleep(FLOW_MS);
  const struckMs = performance.now();
  const seenCount = desk.events.length;
  let noticedMs: number | undefined;
  const noticing = desk
    .heard(() => desk.events.slice(seenCount).some(isLoss), PATIENCE_MS)
    .then(() => (noticedMs = performance.now() - struckMs));

  await row.strike(office, async (ms) => sleep(ms));
  const backByMs = performance.now() + row.backWithinMs * TIME_FACTOR;
  // What comes before it has noticed was on its way.
  if (row.noticedWithinMs !== undefined) await noticing;
  const echoCount = desk.of("echo").length;
  const isBack = await desk.heard(() => desk.of("echo").length > echoCount, backByMs - performance.now());
  await sleep(FLOW_MS);
  desk.process.write("stop");
  await desk.heard(() => desk.of("streamed").length > 0, PATIENCE_MS);
  const problems = [
    ...(isBack ? [] : ["not back in time"]),
    ...(row.noticedWithinMs === undefined ||
    (noticedMs ?? Number.POSITIVE_INFINITY) <= row.noticedWithinMs * TIME_FACTOR
      ? []
      : [`noticed after ${noticedMs} ms`]),
    ...streamProblems(desk),
  ];
  const noticed = noticedMs === undefined ? "" : `, noticed after ${Math.round(noticedMs)} ms`;
  process.stdout.write(`${row.name}: ${desk.of("echo").length} messages came back${noticed}\n`);
  return `${row.name}: ${problems.join(", ") || "survived"}`;
}

/** Says nothing for a while, and then asks something. */
export async function beQuiet(lab: Lab, { name, forgetAfterSeconds, quietMs, isKept }: QuietRow): Promise<string> {
  const office = lab.office(name);
  office.forgetAfter(forgetAfterSeconds);
  const desk = new Desk(office);
  if (!(await desk.heard(() => desk.of("passes").length > 0, PATIENCE_MS))) return `${name}: never began`;
  await sleep(quietMs);
  desk.process.write("ask");
  const isAnswered = await desk.heard(() => desk.of("passes").length > 1, PATIENCE_MS);
  const wasKept = !desk.events.some(isLoss);
  const problems = [...(isAnswered ? [] : ["no answer"]), ...(wasKept === isKept ? [] : [`kept: ${wasKept}`])];
  return `${name}: ${problems.join(", ") || "survived"}`;
}

function isLoss(told: DeskEvent): boolean {
  return told.event === "state" && told.state === "reconnecting";
}

function streamProblems(desk: Desk): readonly string[] {
  const [streamed] = desk.of("streamed");
  if (streamed === undefined) return [`no stream:\n${desk.process.printed}`];
  const { sentCount, receivedCount, lostCount, isInOrder } = streamed;
  return [
    ...(receivedCount === sentCount
      ? []
      : [`${receivedCount} of ${sentCount} came back, ${lostCount} were told as lost`]),
    ...(isInOrder ? [] : ["out of order"]),
  ];
}
