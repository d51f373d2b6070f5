import { setTimeout as after } from "node:timers/promises";
import type { ExchangeWorkload } from "../workload.ts";
import { Connection, type Receiver, type Target } from "./connection.ts";
import { createSession, hasEcho, type SessionName } from "./sessions/create-session.ts";
import { type Member, payloadBytesOf } from "./sessions/session.ts";
import { wireBytesOf } from "./stamp.ts";

/** Connections opened at one time. */
const OPENED_AT_ONCE = 16;
/** What the joins cause, such as presence of others, is over by then. */
const SETTLE_MS = 200;

/** Whom to load, and how to talk to it. */
export type Subject = { readonly target: Target; readonly sessionName: SessionName };

/** The members of a workload, topic by topic. */
export function membersOf(workload: ExchangeWorkload): readonly Member[] {
  const { topicCount, membersPerTopic, senders, topicsPerMember = 1 } = workload;
  const members: Member[] = [];
  for (let topicIndex = 0; topicIndex < topicCount; topicIndex += 1) {
    const topic = `t${String(topicIndex).padStart(4, "0")}`;
    const alsoIn = Array.from({ length: topicsPerMember - 1 }, (_, place) => `${topic}-${place + 1}`);
    for (let place = 0; place < membersPerTopic; place += 1) {
      members.push({
        index: members.length,
        peerId: `p${String(members.length).padStart(5, "0")}`,
        topic,
        alsoIn,
        isSender: senders === "all" || place === 0,
        isReceiver: senders === "all" || place > 0,
        pairSide: membersPerTopic === 2 ? (place === 0 ? "a" : "b") : undefined,
      });
    }
  }
  return members;
}

/** Connects all members of a workload; resolves when all have joined. */
export async function openAll(
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
      const payloadBytes = wireBytesOf(payloadBytesOf(workload.payloadBytes, session), session.form);
      return new Connection(target, member, session, receiver, { payloadBytes, keepBytes });
    });
    await Promise.all(opened.map((connection) => connection.open()));
    connections.push(...opened);
  }
  await after(SETTLE_MS);
  return connections;
}

/** Whether members of this workload get their own messages back. */
export function isEchoed({ sessionName }: Subject, { senders, membersPerTopic }: ExchangeWorkload): boolean {
  return hasEcho(sessionName) && senders === "all" && membersPerTopic > 2;
}

/** How many get each message. */
export function receiverCount(subject: Subject, workload: ExchangeWorkload): number {
  return workload.membersPerTopic - (isEchoed(subject, workload) ? 0 : 1);
}
