import type { Config } from "../config/options.ts";
import { MAX_LOG_BACKLOG_BYTES } from "../observability/log-destination.ts";
import { ENVELOPE_BYTES } from "./payload-limit.ts";
import { MAX_TOLD_REFUSALS } from "./told-refusal-limits.ts";
import { MAX_WRITE_BYTES } from "./write-limit.ts";

/**
 * Code, heap and buffers of a relay without connections; about 90 MiB of it are resident (docs/operations.md#sizing). What
 * is remembered of addresses fits into the rest: address-limits.ts, returners.ts, stun/network-rates.ts.
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
 * One topic that a connection is in, when its name, its members' and what their messages begin with are as long as they may
 * be, and what the collector leaves: measured, about 6.7 KiB.
 */
const MEMBERSHIP_BYTES = 8192;
/**
 * Frames' worth of text that is read at a time: two bytes for a character, as text and as what is parsed of it, and as much
 * that the collector has not taken yet. How much structure there may be besides, protocol/json-structure.ts bounds.
 */
const PARSED_FRAMES = 8;

/** A page of a mailbox on its way to a reader, beside the message that may be larger (relay/store/feed.ts). */
const MAILBOX_PAGE_BYTES = 262_144;
/** What may wait for the disk (relay/store/sqlite-store.ts), and the database's thread with its cache. */
const SQLITE_BYTES = 67_108_864 + 33_554_432;
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
  const { maxFrameBytes, maxHeldBytes, maxConnections, maxHttpConnections, maxOutboxBytes, maxTopicsPerConnection } =
    config;
  // No payload is taken that some encoding would make larger (payload-limit.ts). What the relay itself says is bounded too.
  const outgoingBytes = Math.max(maxFrameBytes + ENVELOPE_BYTES, MAX_ANSWER_BYTES);
  const perConnectionBytes =
    CONNECTION_BYTES +
    Math.ceil(PIECE_RATIO * (maxOutboxBytes + outgoingBytes)) +
    // What TLS holds of its own until the operating system has taken it.
    MAX_WRITE_BYTES +
    // A message that is held for receivers without room.
    maxFrameBytes +
    // A message in fragments: what is together of it, and the fragment that is coming in.
    2 * maxFrameBytes +
    maxTopicsPerConnection * MEMBERSHIP_BYTES +
    (config.mailboxStore === "off" ? 0 : MAILBOX_PAGE_BYTES + maxFrameBytes);
  const fixedBytes =
    storeBytes(config) + PROCESS_BYTES + LOG_BYTES + TOLD_REFUSALS_BYTES + maxHeldBytes + PARSED_FRAMES * maxFrameBytes;
  return fixedBytes + maxConnections * perConnectionBytes + maxHttpConnections * CONNECTION_BYTES;
}

function storeBytes({ mailboxStore, mailboxMaxBytes, mailboxMaxMessages }: Config): number {
  if (mailboxStore === "memory") return STORED_RATIO * mailboxMaxBytes + STORED_MESSAGE_BYTES * mailboxMaxMessages;
  return mailboxStore === "sqlite" ? SQLITE_BYTES : 0;
}
