import { namedDialects } from "../config/listener-text.ts";
import type { Config } from "../config/options.ts";
import { MAX_LOG_BACKLOG_BYTES } from "../observability/log-destination.ts";
import { ENVELOPE_BYTES } from "./payload-limit.ts";
import { MAX_TOLD_REFUSALS } from "./told-refusal-limits.ts";
import { MAX_WRITE_BYTES } from "./write-limit.ts";

/**
 * Code, heap and buffers of a relay without connections; about 90 MiB of it are resident (docs/operations.md#sizing), and
 * 14 more once it was busy (relay/young-generation.ts). What is remembered of addresses fits into the rest:
 * address-limits.ts, returners.ts, network-rates.ts.
 */
const PROCESS_BYTES = 134_217_728;
/** An idle TLS connection, or one of HTTP with a request and its answer, rounded up. */
const CONNECTION_BYTES = 65_536;
/** Connections that are refused by a close: they have an error and a close to take, and may have sent one small message. */
const TOLD_REFUSALS_BYTES = MAX_TOLD_REFUSALS * CONNECTION_BYTES;
/** `joined` with a page of members (16 KiB), and what stands around the page. */
const MAX_ANSWER_BYTES = 24_576;
/** A frame may lie in a piece of memory that is longer by an eighth (relay/wire/frame-memory.ts). */
const PIECE_RATIO = 1.125;
/** Log lines that wait: as text of two bytes a letter, with what is kept about each, and as bytes where they are written. */
const LOG_BYTES = 6 * MAX_LOG_BACKLOG_BYTES;
/**
 * One topic that a connection is in, when its name, its members', what they show and what their messages begin with are as
 * long as they may be, and what the collector leaves: measured, about 9 KiB, of which 2.5 KiB are for what is shown.
 */
const MEMBERSHIP_BYTES = 10_240;
/**
 * Frames' worth of text that is read at a time: two bytes for a character, as text and as what is parsed of it, and as much
 * that the collector has not taken yet. How much structure there may be besides, protocol/json-structure.ts bounds.
 */
const PARSED_FRAMES = 8;

/** A registered agent with the longest name, as it is known and as it is written: measured, about 0.6 KiB. */
const AGENT_BYTES = 1024;
/** 50,000 subscriptions of agents (relay/dialects/agent/agent-network.ts), measured, about 0.26 KiB each. */
const SUBSCRIPTIONS_BYTES = 16_777_216;
/** A registered mesh with the longest names; and 40,000 used tokens (relay/dialects/mesh/mesh-registry.ts) of 0.9 KiB. */
const MESH_BYTES = 2048;
const NONCES_BYTES = 40_960_000;
/** What a node says of itself, what came before its join, and what it has asked of others. */
const NODE_BYTES = 49_152;
/** A page of a mailbox on its way to a reader, beside the message that may be larger (relay/store/feed.ts). */
const MAILBOX_PAGE_BYTES = 262_144;
/** What may wait for the disk (relay/store/sqlite-store.ts), and the database's thread with its cache. */
const SQLITE_BYTES = 67_108_864 + 33_554_432;
/** The copy of what goes to that thread at one time, unless one message alone is more. */
const SQLITE_BATCH_BYTES = 4_194_304;
/** What is kept about a message in memory that is alone in its mailbox: measured, 2.3 KiB. */
const STORED_MESSAGE_BYTES = 3072;
/** Text of two bytes a letter. */
const STORED_RATIO = 2;

/**
 * The memory that the relay cannot exceed, whatever its clients do: every connection with a full outbox, one frame over
 * it, one write in TLS, one message held for others, one unfinished message coming in, and in as many topics as it may be;
 * what may be held beside, what is being parsed, those that are told why they are refused, and the log, when nobody takes it.
 * Frames are shared between readers, so a relay full of stalled readers of the same topics holds far less.
 */
export function memoryBoundBytes(config: Config): number {
  return fixedBytes(config) + config.maxConnections * connectionBoundBytes(config);
}

/** How many connections would keep the bound within so much memory; below 1: none would. */
export function connectionsWithin(config: Config, memoryBytes: number): number {
  return Math.floor((memoryBytes - fixedBytes(config)) / connectionBoundBytes(config));
}

function fixedBytes(config: Config): number {
  const { maxFrameBytes, maxHeldBytes, maxHttpConnections } = config;
  const commonBytes = PROCESS_BYTES + LOG_BYTES + TOLD_REFUSALS_BYTES + maxHeldBytes + PARSED_FRAMES * maxFrameBytes;
  return commonBytes + maxHttpConnections * CONNECTION_BYTES + accountBytes(config) + storeBytes(config);
}

/** The most that one connection can take. */
function connectionBoundBytes(config: Config): number {
  const { maxFrameBytes, maxOutboxBytes, maxTopicsPerConnection, mailboxStore } = config;
  // No payload is taken that some encoding would make larger (payload-limit.ts). What the relay itself says is bounded too.
  const outgoingBytes = Math.max(maxFrameBytes + ENVELOPE_BYTES, MAX_ANSWER_BYTES);
  return (
    CONNECTION_BYTES +
    // Answers to polls that are on their way count towards the outbox, twice: as they are kept and as TLS has them.
    Math.ceil(PIECE_RATIO * (maxOutboxBytes + outgoingBytes)) +
    // What TLS holds of its own until the operating system has taken it.
    MAX_WRITE_BYTES +
    // A message that is held for receivers without room.
    maxFrameBytes +
    // A message in fragments: what is together of it, and the fragment that is coming in. Who polls has no fragments, and two
    // uploads in place of that, once as they came and once joined (poll-limits.ts).
    2 * maxFrameBytes +
    maxTopicsPerConnection * MEMBERSHIP_BYTES +
    (mailboxStore === "off" ? 0 : MAILBOX_PAGE_BYTES + maxFrameBytes) +
    (namedDialects(config).includes("mesh") ? NODE_BYTES : 0)
  );
}

/** Of the dialects that keep accounts, where they are spoken. */
function accountBytes(config: Config): number {
  const names = namedDialects(config);
  const { maxAgents, maxMeshes } = config;
  const ofAgents = names.includes("agent") ? maxAgents * AGENT_BYTES + SUBSCRIPTIONS_BYTES : 0;
  const ofMeshes = names.includes("mesh") ? maxMeshes * MESH_BYTES + NONCES_BYTES : 0;
  return ofAgents + ofMeshes;
}

function storeBytes({ mailboxStore, mailboxMaxBytes, mailboxMaxMessages, maxFrameBytes }: Config): number {
  if (mailboxStore === "memory") return STORED_RATIO * mailboxMaxBytes + STORED_MESSAGE_BYTES * mailboxMaxMessages;
  return mailboxStore === "sqlite" ? SQLITE_BYTES + Math.max(SQLITE_BATCH_BYTES, maxFrameBytes) : 0;
}
