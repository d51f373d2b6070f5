import { setTimeout as after } from "node:timers/promises";
import type { ExchangeWorkload } from "../workloads.ts";
import { Connection, type Receiver, type Target } from "./connection.ts";
import { type Accounts, type Measurement, openAccounts } from "./measurement.ts";
import { createSession, type SessionName } from "./sessions/create-session.ts";
import type { Member } from "./sessions/session.ts";
import { StalledTopics } from "./stalled-topics.ts";
import { makePayload } from "./stamp.ts";
import { Traffic } from "./traffic.ts";
import { Verifier } from "./verifier.ts";

/** Enough of a delivery to know what it is: the longest envelope before a payload, and the stamp. */
const HEAD_BYTES = 256;
/** All of the largest delivery: 64 KiB in base64, with its envelope. */
const WHOLE_BYTES = 131_072;
/** Connections opened at one time. */
const OPENED_AT_ONCE = 16;
/** What the joins cause, such as presence of others, is over by then. */
const SETTLE_MS = 200;
/** In which a delivery too many would come. */
const SURPLUS_MS = 200;
const VERIFY_TIMEOUT_MS = 20_000;

/** Whom to load, and how to talk to it. */
export type Subject = { readonly target: Target; readonly sessionName: SessionName };

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
  traffic.start(connections);
  await Promise.race([after(warmUpMs), traffic.failure]);
  traffic.latency.clear();
  const accounts: Accounts = openAccounts(serverPid);
  const countBefore = traffic.deliveryCount;
  await Promise.race([after(measureMs), traffic.failure]);
  const count = traffic.deliveryCount - countBefore;
  const measurement = accounts.close(count, traffic.latency);
  traffic.stop();
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
  const verifier = new Verifier(traffic, { payloadBytes, hasEcho: hasEcho(subject, workload) });
  const stalled = await stallTopics(subject, workload);
  const connections = await openAll(subject, workload, verifier, WHOLE_BYTES);
  for (const connection of connections) verifier.add(connection);
  const senderCount = connections.filter(({ member }) => member.isSender).length;
  const expectedCount = senderCount * messagesPerSender * receiversPerMessage;
  traffic.start(connections);
  const deadlineMs = performance.now() + VERIFY_TIMEOUT_MS;
  while (verifier.verifiedCount < expectedCount && verifier.faults.length === 0 && performance.now() < deadlineMs) {
    await Promise.race([after(5), traffic.failure]);
  }
  await Promise.race([after(SURPLUS_MS), traffic.failure]);
  traffic.stop();
  stalled?.throwIfReleased();
  for (const connection of connections) connection.close();
  stalled?.close();
  const { verifiedCount, faults } = verifier;
  const isCountRight = verifiedCount === expectedCount;
  const countFaults = isCountRight ? [] : [`${verifiedCount} deliveries came, ${expectedCount} were to come`];
  return { verifiedCount, expectedCount, faults: [...faults, ...countFaults] };
}

/** The members of a workload, topic by topic. */
export function membersOf({ topicCount, membersPerTopic, senders }: ExchangeWorkload): readonly Member[] {
  const members: Member[] = [];
  for (let topicIndex = 0; topicIndex < topicCount; topicIndex += 1) {
    for (let place = 0; place < membersPerTopic; place += 1) {
      members.push({
        index: members.length,
        peerId: `p${String(members.length).padStart(5, "0")}`,
        topic: `t${String(topicIndex).padStart(4, "0")}`,
        isSender: senders === "all" || place === 0,
        isReceiver: senders === "all" || place > 0,
        pairSide: membersPerTopic === 2 ? (place === 0 ? "a" : "b") : undefined,
      });
    }
  }
  return members;
}

/** Before anything is measured: topics that the relay can do nothing more for. */
async function stallTopics(subject: Subject, { stalledReaders }: ExchangeWorkload): Promise<StalledTopics | undefined> {
  if (stalledReaders === undefined) return undefined;
  const topics = new StalledTopics(subject);
  await topics.stall(stalledReaders);
  return topics;
}

async function openAll(
  { target, sessionName }: Subject,
  workload: ExchangeWorkload,
  receiver: Receiver,
  keepBytes: number,
): Promise<readonly Connection[]> {
  const connections: Connection[] = [];
  const members = membersOf(workload);
  for (let at = 0; at < members.length; at += OPENED_AT_ONCE) {
    const opened = members.slice(at, at + OPENED_AT_ONCE).map((member) => {
      const session = createSession(sessionName, member);
      const payloadBytes = makePayload(workload.payloadBytes, member.index, session.form).length;
      return new Connection(target, member, session, receiver, { payloadBytes, keepBytes });
    });
    await Promise.all(opened.map((connection) => connection.open()));
    connections.push(...opened);
  }
  await after(SETTLE_MS);
  return connections;
}

/** Whether members get their own messages back: only where they cannot be told apart from the others' topic. */
function hasEcho({ sessionName }: Subject, { senders, membersPerTopic }: ExchangeWorkload): boolean {
  return sessionName === "nchan" && senders === "all" && membersPerTopic > 2;
}

function receiverCount(subject: Subject, workload: ExchangeWorkload): number {
  return workload.membersPerTopic - (hasEcho(subject, workload) ? 0 : 1);
}
