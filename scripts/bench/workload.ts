import type { RecordContent } from "./generator/record-writer.ts";

/** What decides when a sender sends. */
type Pace =
  /** A sender has this many messages under way; one is done when all its receivers have it. */
  | { readonly kind: "window"; readonly messageCount: number }
  /** All senders together cause so many deliveries, evenly spread. */
  | { readonly kind: "rate"; readonly deliveriesPerSecond: number }
  /** A member sends when it has received; one of each pair begins. */
  | { readonly kind: "ping-pong" };

/** Connections beside the topics that are measured, in topics of their own, that have joined and never read on. */
export type StalledReaders = {
  readonly topicCount: number;
  readonly readersPerTopic: number;
  /** Of the messages that one more member of each topic sends, until the relay stops reading it. */
  readonly payloadBytes: number;
};

/** Messages that are stored for others beside the exchange, on connections of their own. */
export type BesideDeposits = {
  readonly connectionCount: number;
  /** Over all of them, evenly spread. The run fails where fewer are stored. */
  readonly depositsPerSecond: number;
  readonly payloadBytes: number;
};

/** One of several workloads that differ in size alone. */
export type GrowthPlace = {
  /** What grows: the workloads of one series become one line for each contestant in the chart. */
  readonly series: GrowthSeries;
  readonly size: number;
};

export type GrowthSeries = "G1" | "G2" | "G3" | "G4" | "G5";

/** What all workloads have. */
type Common = {
  readonly id: string;
  readonly sentence: string;
  readonly growth?: GrowthPlace;
  /** Options of the relay as variables, where it needs others than by default; other contestants do not know them. */
  readonly relayEnvironment?: Readonly<Record<string, string>>;
};

/** Members of topics exchange messages. */
export type ExchangeWorkload = Common & {
  readonly kind: "exchange";
  readonly topicCount: number;
  readonly membersPerTopic: number;
  /** Topics that each member is in, together with the same others: one unless told otherwise. */
  readonly topicsPerMember?: number;
  readonly senders: "first" | "all";
  readonly payloadBytes: number;
  readonly pace: Pace;
  /** One message unless told otherwise. */
  readonly recordContent?: RecordContent;
  readonly stalledReaders?: StalledReaders;
  readonly besideDeposits?: BesideDeposits;
  /** Agents that somebody asks to register meanwhile, of a relay that takes some of them. */
  readonly registrationsPerSecond?: number;
  /** What the kernel takes in for one connection before it is read; large unless told otherwise. */
  readonly receiveBuffers?: ReceiveBuffers;
};

/** `large` never limits a closed loop; `usual` is what Linux gives by default. */
export type ReceiveBuffers = "large" | "usual";

/** Connections that have joined and then do nothing. */
export type IdleWorkload = Common & {
  readonly kind: "idle";
  readonly connectionCount: number;
};

/** Connect, join, close, and again. */
export type HandshakeWorkload = Common & {
  readonly kind: "handshake";
  readonly atOnce: number;
  readonly isResumed: boolean;
};

/** Members come to a large topic and leave it. */
export type ChurnWorkload = Common & {
  readonly kind: "churn";
  /** Those that stay. */
  readonly memberCount: number;
  readonly visitsPerSecond: number;
};

/** Messages are stored for who is away; each counts when it is on the disk. */
export type DepositWorkload = Common & {
  readonly kind: "deposit";
  readonly connectionCount: number;
  /** Of each connection. */
  readonly underWayCount: number;
  readonly payloadBytes: number;
};

/** An owner comes back, again and again, and is given all that waits. */
export type FetchWorkload = Common & {
  readonly kind: "fetch";
  readonly messageCount: number;
  readonly payloadBytes: number;
};

/** So many messages are stored: what the server's directory grew by. */
export type StoreSizeWorkload = Common & {
  readonly kind: "store-size";
  readonly messageCount: number;
  readonly payloadBytes: number;
};

export type Workload =
  | ExchangeWorkload
  | IdleWorkload
  | HandshakeWorkload
  | ChurnWorkload
  | DepositWorkload
  | FetchWorkload
  | StoreSizeWorkload;

/** What two builds can be compared by. The size of a store is the same in every slice, and no work. */
export type ComparedWorkload = Exclude<Workload, StoreSizeWorkload>;
