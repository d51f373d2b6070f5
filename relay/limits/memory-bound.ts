import type { Config } from "../config/options.ts";
import { MAX_LOG_BACKLOG_BYTES } from "../observability/log-destination.ts";

/** Code, heap and buffers of a relay without connections; about 90 MiB of it are resident (docs/operations.md#sizing). */
const PROCESS_BYTES = 134_217_728;
/** An idle TLS connection, rounded up. */
const CONNECTION_BYTES = 65_536;
/** What one write hands to TLS (relay/websocket/send-queue.ts), which holds its own copy until the operating system has taken it. */
const WRITE_BYTES = 131_072;
/** One member in `joined`: an id of 128 control characters, six bytes each in JSON, and its handle. */
const NAME_BYTES = 832;
/** A frame may lie in a piece of memory that is longer by an eighth (relay/wire/frame-memory.ts). */
const PIECE_RATIO = 1.125;
/** Log lines that wait: as text of two bytes a letter, with what is kept about each, and as bytes where they are written. */
const LOG_BYTES = 6 * MAX_LOG_BACKLOG_BYTES;
/** What an encoding may add around a payload: names, JSON, the frame's header. */
const ENVELOPE_BYTES = 1024;

/**
 * The memory that the relay cannot exceed, whatever its clients do: every connection with a full outbox, one frame over
 * it, one write in TLS, one message held for others, and one unfinished message coming in; and what may be held beside.
 * Frames are shared between readers, so a relay full of stalled readers of the same topics holds far less. And the log, when
 * nobody takes it.
 */
export function memoryBoundBytes(config: Config): number {
  // Base64 makes four bytes of three; and `joined` names every member of a topic.
  const dataFrameBytes = Math.ceil((config.maxFrameBytes * 4) / 3) + ENVELOPE_BYTES;
  const memberCount = Math.min(config.maxConnections, config.maxMembersPerTopic || config.maxConnections);
  const encodedFrameBytes = Math.max(dataFrameBytes, memberCount * NAME_BYTES);
  const perConnectionBytes =
    CONNECTION_BYTES +
    Math.ceil(PIECE_RATIO * (config.maxOutboxBytes + encodedFrameBytes)) +
    WRITE_BYTES +
    // A message that is held for receivers without room.
    config.maxFrameBytes +
    // A message in fragments: what is together of it, and the fragment that is coming in.
    2 * config.maxFrameBytes;
  return PROCESS_BYTES + LOG_BYTES + config.maxHeldBytes + config.maxConnections * perConnectionBytes;
}
