import type { Workload } from "./workload.ts";

/** A store in the directory that the server runs in, without a bound for one mailbox; durable as by default. */
const STORE = {
  MAILBOX_STORE: "sqlite",
  MAILBOX_DIRECTORY: "mailbox",
  MAILBOX_MAX_MESSAGES_PER_MAILBOX: "0",
  MAILBOX_MAX_BYTES_PER_MAILBOX: "0",
  MESSAGES_PER_SECOND_PER_CONNECTION: "0",
};

/** A busy topic, of a relay that has a store. */
const busyTopic = {
  kind: "exchange",
  topicCount: 1,
  membersPerTopic: 20,
  senders: "all",
  payloadBytes: 256,
  pace: { kind: "rate", deliveriesPerSecond: 19_000 },
  relayEnvironment: STORE,
} as const;

/** What `M4 deposits` is compared with. */
export const QUIET_STORE_ID = "M4 quiet";

/** Messages that wait for those who are away. */
export const mailboxWorkloads: readonly Workload[] = [
  {
    id: "M1",
    kind: "deposit",
    sentence: "deposits of 1 KiB, each on the disk before it is acknowledged: 8 connections, 32 under way on each",
    connectionCount: 8,
    underWayCount: 32,
    payloadBytes: 1024,
    relayEnvironment: STORE,
  },
  {
    id: "M2",
    kind: "fetch",
    sentence: "an owner opens a mailbox of 1,000 messages of 1 KiB and is given all, again and again",
    messageCount: 1000,
    payloadBytes: 1024,
    relayEnvironment: STORE,
  },
  {
    id: "M3",
    kind: "store-size",
    sentence: "what 20,000 messages of 1 KiB take on the disk",
    messageCount: 20_000,
    payloadBytes: 1024,
    relayEnvironment: STORE,
  },
  { ...busyTopic, id: QUIET_STORE_ID, sentence: "20 peers all talking, 256 B, at 19k deliveries/s; nothing is stored" },
  {
    ...busyTopic,
    id: "M4 deposits",
    sentence: "the same while 5,000 deposits of 1 KiB a second are stored",
    besideDeposits: { connectionCount: 8, depositsPerSecond: 5000, payloadBytes: 1024 },
  },
];
