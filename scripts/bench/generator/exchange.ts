import { setTimeout as after } from "node:timers/promises";
import type { ExchangeWorkload } from "../workload.ts";
import { type Accounts, type Measurement, openAccounts } from "./measurement.ts";
import { isEchoed, openAll, receiverCount, type Subject } from "./members.ts";
import { StalledTopics } from "./stalled-topics.ts";
import { Traffic } from "./traffic.ts";
import { Verifier } from "./verifier.ts";

/** Enough of a delivery to know what it is: the longest envelope before a payload, and the stamp. */
const HEAD_BYTES = 256;
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
  const receiversPerMessage = receiverCount(subject, workload);
  const traffic = new Traffic(workload, { receiversPerMessage, messagesPerSender: Number.POSITIVE_INFINITY });
  const stalled = await stallTopics(subject, workload);
  const connections = await openAll(subject, workload, traffic, HEAD_BYTES);
  traffic.connect(connections);
  traffic.resume();
  await Promise.race([after(warmUpMs), traffic.failure]);
  traffic.latency.clear();
  const accounts: Accounts = openAccounts(serverPid);
  const countBefore = traffic.deliveryCount;
  await Promise.race([after(measureMs), traffic.failure]);
  const count = traffic.deliveryCount - countBefore;
  const measurement = accounts.close(count, traffic.latency);
  traffic.pause();
  stalled?.throwIfReleased();
  for (const connection of connections) connection.close();
  stalled?.close();
  if (count === 0) throw new Error(`no delivery in ${measureMs} ms: the loop has stalled`);
  return measurement;
}

/** Sends a known number of messages and verifies every delivery: order, content, count. */
export async function verifyExchange(
  subject: Subject,
  workload: ExchangeWorkload,
  messagesPerSender: number,
): Promise<Verification> {
  const receiversPerMessage = receiverCount(subject, workload);
  const traffic = new Traffic(workload, { receiversPerMessage, messagesPerSender });
  const { payloadBytes } = workload;
  const verifier = new Verifier(traffic, { payloadBytes, hasEcho: isEchoed(subject, workload) });
  const stalled = await stallTopics(subject, workload);
  const connections = await openAll(subject, workload, verifier, WHOLE_BYTES);
  for (const connection of connections) verifier.add(connection);
  const senderCount = connections.filter(({ member }) => member.isSender).length;
  const expectedCount = senderCount * messagesPerSender * receiversPerMessage;
  traffic.connect(connections);
  traffic.resume();
  const deadlineMs = performance.now() + VERIFY_TIMEOUT_MS;
  while (verifier.verifiedCount < expectedCount && verifier.faults.length === 0 && performance.now() < deadlineMs) {
    await Promise.race([after(5), traffic.failure]);
  }
  await Promise.race([after(SURPLUS_MS), traffic.failure]);
  traffic.pause();
  stalled?.throwIfReleased();
  for (const connection of connections) connection.close();
  stalled?.close();
  const { verifiedCount, faults } = verifier;
  const isCountRight = verifiedCount === expectedCount;
  const countFaults = isCountRight ? [] : [`${verifiedCount} deliveries came, ${expectedCount} were to come`];
  return { verifiedCount, expectedCount, faults: [...faults, ...countFaults] };
}

/** Before anything is measured: topics that the relay can do nothing more for. */
async function stallTopics(subject: Subject, { stalledReaders }: ExchangeWorkload): Promise<StalledTopics | undefined> {
  if (stalledReaders === undefined) return undefined;
  const topics = new StalledTopics(subject);
  await topics.stall(stalledReaders);
  return topics;
}
