import { growthWorkloads } from "./growth-workloads.ts";
import { mailboxWorkloads } from "./mailbox-workloads.ts";
import type { Workload } from "./workload.ts";

const fanOut = { kind: "exchange", topicCount: 1, membersPerTopic: 101, senders: "first", payloadBytes: 1024 } as const;
const allTalk = { kind: "exchange", topicCount: 1, membersPerTopic: 20, senders: "all", payloadBytes: 256 } as const;

/** As W2 at its fixed rate, for a relay that gives no reader up. */
const besideOthers = {
  ...allTalk,
  pace: { kind: "rate", deliveriesPerSecond: 57_000 },
  relayEnvironment: {
    MAX_CONNECTIONS: "1100",
    STALLED_READER_TIMEOUT_MS: "600000",
    SLOW_READER_TIMEOUT_MS: "600000",
  },
  // A thousand large ones would take all the memory that the kernel has for TCP.
  receiveBuffers: "usual",
} as const;

/** What `S1 stalled`, and the others of R1, are compared with. */
export const QUIET_IDS = { stalled: "S1 quiet", registering: "R1 quiet" } as const;

/** As W1 at its lower rate, for a relay that takes registrations. */
const besideRegistrations = {
  ...fanOut,
  pace: { kind: "rate", deliveriesPerSecond: 50_000 },
  relayEnvironment: { DIALECTS: "topic,agent" },
} as const;

/** Broadcasts in a mesh. */
const broadcasts = { ...fanOut, relayEnvironment: { DIALECTS: "mesh", ACCOUNT_STORE: "memory" } } as const;

/** Closed loops: one message at a time, some, and enough to saturate. */
const WINDOWS = [1, 8, 64];

/** Every workload, in the order of the table. The id is what `--only`, the table and the comparison know it by. */
export const workloads: readonly Workload[] = [
  ...WINDOWS.map((window) => ({
    ...fanOut,
    id: `W1 window ${window}`,
    sentence: `fan-out 1 to 100 of 1 KiB, ${window} under way`,
    pace: { kind: "window", messageCount: window } as const,
  })),
  {
    ...fanOut,
    id: "W1 window 64 shared records",
    sentence: "the same, and what a sender owes at one time shares TLS records",
    pace: { kind: "window", messageCount: 64 },
    recordContent: "turn",
  },
  ...[50_000, 200_000].map((deliveriesPerSecond) => ({
    ...fanOut,
    id: `W1 ${deliveriesPerSecond / 1000}k/s`,
    sentence: `fan-out 1 to 100 of 1 KiB at ${deliveriesPerSecond / 1000}k deliveries/s`,
    pace: { kind: "rate", deliveriesPerSecond } as const,
  })),
  ...WINDOWS.map((window) => ({
    ...allTalk,
    id: `W2 window ${window}`,
    sentence: `20 peers all talking, 256 B, ${window} under way each`,
    pace: { kind: "window", messageCount: window } as const,
  })),
  {
    ...allTalk,
    id: "W2 window 8 shared records",
    sentence: "20 peers all talking, 8 under way each, and what one owes at one time shares TLS records",
    pace: { kind: "window", messageCount: 8 },
    recordContent: "turn",
  },
  {
    ...allTalk,
    id: "W2 57k/s",
    sentence: "20 peers all talking, 256 B, at 57k deliveries/s",
    pace: { kind: "rate", deliveriesPerSecond: 57_000 },
  },
  {
    kind: "exchange",
    id: "W3",
    sentence: "one pair, 64 KiB streaming, 4 under way",
    topicCount: 1,
    membersPerTopic: 2,
    senders: "first",
    payloadBytes: 65_536,
    pace: { kind: "window", messageCount: 4 },
  },
  { kind: "idle", id: "W4", sentence: "idle joined connections: memory of each", connectionCount: 1000 },
  { kind: "handshake", id: "W5 full", sentence: "TLS handshake, join, close", atOnce: 8, isResumed: false },
  { kind: "handshake", id: "W5 resumed", sentence: "the same with a TLS ticket", atOnce: 8, isResumed: true },
  {
    kind: "exchange",
    id: "W6",
    sentence: "200 pairs ping-pong, 128 B",
    topicCount: 200,
    membersPerTopic: 2,
    senders: "all",
    payloadBytes: 128,
    pace: { kind: "ping-pong" },
  },
  { ...besideOthers, id: QUIET_IDS.stalled, sentence: "as W2 57k/s, nobody else there" },
  {
    ...besideOthers,
    id: "S1 stalled",
    sentence: "the same beside 1,000 stalled readers in 10 other topics",
    stalledReaders: { topicCount: 10, readersPerTopic: 100, payloadBytes: 16_384 },
  },
  ...mailboxWorkloads,
  { ...besideRegistrations, id: QUIET_IDS.registering, sentence: "as W1 50k/s, and nobody registers" },
  {
    ...besideRegistrations,
    id: "R1 at the limit",
    sentence: "the same, and 150 times a second somebody wants to register, of whom 60 may in an hour",
    registrationsPerSecond: 150,
  },
  {
    ...besideRegistrations,
    id: "R1 100/s",
    sentence: "the same, and of the 150 a second 100 may",
    relayEnvironment: { ...besideRegistrations.relayEnvironment, AGENT_REGISTRATIONS_PER_HOUR: "360000" },
    registrationsPerSecond: 150,
  },
  ...[8, 64].map((window) => ({
    ...broadcasts,
    id: `B1 window ${window}`,
    sentence: `broadcasts in a mesh, 1 to 100 of 1 KiB, ${window} under way`,
    pace: { kind: "window", messageCount: window } as const,
  })),
  ...growthWorkloads,
];
