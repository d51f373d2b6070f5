import { setTimeout as pause } from "node:timers/promises";
import { Bystander, bystanderOf } from "../bench/generator/bystander.ts";
import { Connection } from "../bench/generator/connection.ts";
import { cpuSeconds, residentBytes } from "../bench/generator/process-usage.ts";
import { createSession } from "../bench/generator/sessions/create-session.ts";
import { openAll } from "./crowd.ts";
import type { Poller } from "./poller.ts";
import { posternPoller } from "./postern-poller.ts";
import { type Running, withServer } from "./servers.ts";

const COUNT = 1000;
/** They come first, so that what the relay sets up once is not counted as theirs. */
const FIRST_COUNT = 100;
/** The connections of the joins are gone by then, and each has polled again. */
const SETTLE_MS = 25_000;
/** Two polls of each. */
const WATCH_MS = 40_000;

type Kind = "polling" | "websocket";

/** What one idle member costs. */
type IdleCost = { readonly kibibytes: number; readonly cpuMsPerMinute: number };

/** P2: members in topics of two that do nothing. */
export type IdleCosts = Readonly<Record<Kind, IdleCost>>;

/** Measures P2, one kind after the other, each with a relay of its own. */
export async function measureIdleMembers(): Promise<IdleCosts> {
  return {
    websocket: await withServer("relay", (server) => measureKind(server, "websocket")),
    polling: await withServer("relay", (server) => measureKind(server, "polling")),
  };
}

async function measureKind(server: Running, kind: Kind): Promise<IdleCost> {
  const others = new Bystander();
  const members: Poller[] = [];
  const add = (): Poller => {
    const member = create(server, kind, members.length, others);
    members.push(member);
    return member;
  };
  await openAll(FIRST_COUNT, add);
  await pause(SETTLE_MS);
  const bytesBefore = residentBytes(server.pids);
  await openAll(COUNT, add);
  await pause(SETTLE_MS);
  const bytesAfter = residentBytes(server.pids);
  const cpuBefore = cpuSeconds(server.pids);
  await pause(WATCH_MS);
  const cpuMs = (cpuSeconds(server.pids) - cpuBefore) * 1000;
  others.throwIfFailed();
  for (const member of members) member.close();
  return {
    kibibytes: (bytesAfter - bytesBefore) / 1024 / COUNT,
    cpuMsPerMinute: (cpuMs * 60_000) / WATCH_MS / members.length,
  };
}

function create({ target }: Running, kind: Kind, index: number, others: Bystander): Poller {
  const member = bystanderOf(index, Math.floor(index / 2));
  if (kind === "websocket") {
    const session = createSession("v1-binary", member);
    return new Connection(target, member, session, others, { payloadBytes: 1, keepBytes: 4096 });
  }
  const onFailure = (error: Error): void => others.onFailure(error);
  return posternPoller(target, member.topic, index, { byteCount: 1, onDelivery: () => undefined, onFailure });
}
