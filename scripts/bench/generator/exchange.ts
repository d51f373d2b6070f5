import { setTimeout as after } from "node:timers/promises";
import type { ExchangeWorkload } from "../workload.ts";
import { ExchangeConnections } from "./exchange-connections.ts";
import { type Measurement, openAccounts } from "./measurement.ts";
import { isEchoed, receiverCount, type Subject } from "./members.ts";
import { Verifier } from "./verifier.ts";

/** All of the largest delivery: 64 KiB in base64, with its envelope. */
const WHOLE_BYTES = 131_072;
/** In which a delivery too many would come. */
const SURPLUS_MS = 200;
const VERIFY_TIMEOUT_MS = 20_000;

/** How long a run is. */
export type Durations = { readonly warmUpMs: number; readonly measureMs: number };

/** What a correctness pass found. */
export type Verification = {
  readonly verifiedCount: number;
  readonly expectedCount: number;
  readonly faults: readonly string[];
};

/** Loads a contestant and measures it. */
export async function measureExchange(
  subject: Subject,
  workload: ExchangeWorkload,
  serverPid: number,
  { warmUpMs, measureMs }: Durations,
): Promise<Measurement> {
  const connections = new ExchangeConnections(subject);
  await connections.open(workload);
  const traffic = connections.carry(workload);
  traffic.resume();
  await Promise.race([after(warmUpMs), traffic.failure]);
  traffic.latency.clear();
  const accounts = openAccounts(serverPid);
  const countBefore = traffic.deliveryCount;
  await Promise.race([after(measureMs), traffic.failure]);
  const count = traffic.deliveryCount - countBefore;
  const measurement = accounts.close(count, traffic.latency);
  traffic.pause();
  connections.throwIfOthersFailed();
  connections.close();
  if (count === 0) throw new Error(`no delivery in ${measureMs} ms: the loop has stalled`);
  return measurement;
}

/** Sends a known number of messages and verifies every delivery: order, content, count. */
export async function verifyExchange(
  subject: Subject,
  workload: ExchangeWorkload,
  messagesPerSender: number,
): Promise<Verification> {
  const connections = new ExchangeConnections(subject, { keepBytes: WHOLE_BYTES });
  await connections.open(workload);
  const traffic = connections.carry(workload, messagesPerSender);
  const { payloadBytes } = workload;
  const verifier = new Verifier(traffic, { payloadBytes, hasEcho: isEchoed(subject, workload) });
  for (const connection of connections.list) verifier.add(connection);
  connections.deliverTo(verifier);
  const senderCount = connections.list.filter(({ member }) => member.isSender).length;
  const expectedCount = senderCount * messagesPerSender * receiverCount(subject, workload);
  traffic.resume();
  const deadlineMs = performance.now() + VERIFY_TIMEOUT_MS;
  while (verifier.verifiedCount < expectedCount && verifier.faults.length === 0 && performance.now() < deadlineMs) {
    await Promise.race([after(5), traffic.failure]);
  }
  await Promise.race([after(SURPLUS_MS), traffic.failure]);
  traffic.pause();
  connections.throwIfOthersFailed();
  connections.close();
  const { verifiedCount, faults } = verifier;
  const isCountRight = verifiedCount === expectedCount;
  const countFaults = isCountRight ? [] : [`${verifiedCount} deliveries came, ${expectedCount} were to come`];
  return { verifiedCount, expectedCount, faults: [...faults, ...countFaults] };
}
