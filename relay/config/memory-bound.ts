import type { Config } from "./options.ts";

/** Code, heap and buffers of a relay without connections; about 90 MiB of it are resident (docs/operations.md#sizing). */
const PROCESS_BYTES = 134_217_728;
/** An idle TLS connection, rounded up. */
const CONNECTION_BYTES = 65_536;
/** What one write hands to TLS, which holds its own copy until the operating system has taken it. */
const WRITE_BYTES = 131_072;
/** What an encoding may add around a payload: names, JSON, the frame's header. */
const ENVELOPE_BYTES = 1024;

/**
 * The memory that the relay cannot exceed, whatever its clients do: every connection with a full outbox, one frame over
 * it, one write in TLS, and one unfinished message coming in. Frames are shared between readers, so a relay full of
 * stalled readers of the same topics holds far less.
 */
export function memoryBoundBytes(config: Config): number {
  // Base64 makes four bytes of three.
  const encodedFrameBytes = Math.ceil((config.maxFrameBytes * 4) / 3) + ENVELOPE_BYTES;
  const perConnectionBytes =
    CONNECTION_BYTES +
    config.maxOutboxBytes +
    encodedFrameBytes +
    Math.max(WRITE_BYTES, encodedFrameBytes) +
    config.maxFrameBytes;
  return PROCESS_BYTES + config.maxConnections * perConnectionBytes;
}
