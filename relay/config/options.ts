import { accessOptions } from "./access-options.ts";
import { accountOptions } from "./account-options.ts";
import { certificateOptions } from "./certificate-options.ts";
import { dialectOptions } from "./dialect-options.ts";
import { httpOptions } from "./http-options.ts";
import { limitOptions } from "./limit-options.ts";
import { mailboxOptions } from "./mailbox-options.ts";
import { observabilityOptions } from "./observability-options.ts";
import type { Option } from "./option.ts";
import { stunOptions } from "./stun-options.ts";

/**
 * The one table of options, in parts. Parsing, `--help`, error messages, `check-config` and docs/configuration.md
 * come from it.
 * The defaults' reasons are in the sentences or beside the row.
 */
const startOptions = {
  port: {
    kind: "integer",
    flag: "--port",
    env: "PORT",
    default: 443,
    min: 0,
    max: 65_535,
    unit: "",
    sentence:
      "TCP port to listen on; 0 takes a free one. If it is unset and 443 is not permitted, the relay uses 8443.",
  },
  host: {
    kind: "host",
    flag: "--host",
    env: "HOST",
    default: "::",
    sentence:
      "Address to listen on. `::` is every address, IPv6 and IPv4, or every IPv4 address on systems without IPv6.",
  },
  // Off: a relay started twice by mistake must fail, and not take half of the clients away from their topics.
  reusePort: {
    kind: "boolean",
    flag: "--reuse-port",
    env: "REUSE_PORT",
    default: false,
    sentence: "Share the port with other relays of the same user, one per core: see docs/operations.md, Several cores.",
  },
  // With one port for several relays a client's requests would come to any of them.
  polling: {
    kind: "choice",
    flag: "--polling",
    env: "POLLING",
    default: "auto",
    choices: ["auto", "on", "off"],
    sentence:
      "Also take clients by plain HTTP requests, for proxies that let no WebSocket through. auto: unless REUSE_PORT is set; on with REUSE_PORT needs a balancer that keeps a session at one relay.",
  },
  environment: {
    kind: "choice",
    flag: "--environment",
    env: "NODE_ENV",
    default: "dev",
    choices: ["test", "dev", "development", "prod", "production"],
    sentence: "What this relay is for; shown in the log. prod leaves out the start-up hints.",
  },
} as const;

const serviceOptions = {
  logLevel: {
    kind: "choice",
    flag: "--log-level",
    env: "LOG_LEVEL",
    default: "info",
    choices: ["trace", "debug", "info", "warn", "warning", "error", "fatal", "silent"],
    sentence: "The least severe events to log; debug adds each connection.",
  },
  // 50 KiB for an idle TLS connection: half a gigabyte when full.
  maxConnections: {
    kind: "integer",
    flag: "--max-connections",
    env: "MAX_CONNECTIONS",
    default: 10_000,
    min: 1,
    max: 1_000_000,
    unit: "connections",
    sentence: "WebSocket connections at one time; further ones are refused with 503.",
  },
  maxFrameBytes: {
    kind: "integer",
    flag: "--max-frame-bytes",
    env: "MAX_FRAME_BYTES",
    default: 4_194_304,
    min: 1024,
    max: 67_108_864,
    unit: "bytes",
    sentence: "The largest message taken from a client, all fragments together; a larger one closes it with 1009.",
  },
  maxTopicsPerConnection: {
    kind: "integer",
    flag: "--max-topics-per-connection",
    env: "MAX_TOPICS_PER_CONNECTION",
    default: 100,
    min: 1,
    max: 10_000,
    unit: "topics",
    sentence: "Topics that one connection may be in; more are refused with too-many-topics.",
  },
  // A quarter of a second of a 32 Mbit/s link: enough to keep a reader busy, little enough to wait for.
  outboxHighWaterBytes: {
    kind: "integer",
    flag: "--outbox-high-water-bytes",
    env: "OUTBOX_HIGH_WATER_BYTES",
    default: 1_048_576,
    min: 4096,
    max: 1_073_741_824,
    unit: "bytes",
    sentence: "Bytes that may wait for one connection before messages for it are held at their senders.",
  },
  // 64 senders with a message of 1 MiB each; above it nobody has more than one.
  maxHeldBytes: {
    kind: "integer",
    flag: "--max-held-bytes",
    env: "MAX_HELD_BYTES",
    default: 67_108_864,
    min: 0,
    max: 1_073_741_824,
    unit: "bytes",
    sentence:
      "Bytes that may be held at senders in all; above it, a connection with more than one held message is not read.",
  },
  slowReaderPolicy: {
    kind: "choice",
    flag: "--slow-reader-policy",
    env: "SLOW_READER_POLICY",
    default: "pause",
    choices: ["pause", "close"],
    sentence:
      "Above the high-water mark: hold messages at their senders, or close a reader that is still above it at the next check, with 1013.",
  },
  // Chromium's busy page was silent for 8 s, a line of 64 kbit/s for 5.
  stalledReaderTimeoutMs: {
    kind: "integer",
    flag: "--stalled-reader-timeout-ms",
    env: "STALLED_READER_TIMEOUT_MS",
    default: 10_000,
    min: 100,
    max: 600_000,
    unit: "ms",
    sentence:
      "How long a reader that others wait for may read nothing; then it is closed with 4001. 1.6 times as long if much is on its way, 3 times if it answers no pings.",
  },
  slowReaderTimeoutMs: {
    kind: "integer",
    flag: "--slow-reader-timeout-ms",
    env: "SLOW_READER_TIMEOUT_MS",
    default: 15_000,
    min: 100,
    max: 600_000,
    unit: "ms",
    sentence:
      "How long a reader that others wait for may read less than SLOW_READER_BYTES_PER_SECOND; then it is closed with 4002.",
  },
  // Half of 64 kbit/s.
  slowReaderBytesPerSecond: {
    kind: "integer",
    flag: "--slow-reader-bytes-per-second",
    env: "SLOW_READER_BYTES_PER_SECOND",
    default: 4096,
    min: 0,
    max: 1_073_741_824,
    unit: "bytes per second",
    sentence: "The least that a reader that others wait for must read.",
  },
  // Room for what comes while senders are being paused, and for the frames that nobody paces: comings, goings and answers.
  maxOutboxBytes: {
    kind: "integer",
    flag: "--max-outbox-bytes",
    env: "MAX_OUTBOX_BYTES",
    default: 16_777_216,
    min: 65_536,
    max: 1_073_741_824,
    unit: "bytes",
    sentence: "The most that may wait for one connection; one more frame closes it with 1013.",
  },
  handshakeTimeoutMs: {
    kind: "integer",
    flag: "--handshake-timeout-ms",
    env: "HANDSHAKE_TIMEOUT_MS",
    default: 10_000,
    min: 100,
    max: 120_000,
    unit: "ms",
    sentence: "Time for the TLS handshake, and again for the request that follows.",
  },
  joinTimeoutMs: {
    kind: "integer",
    flag: "--join-timeout-ms",
    env: "JOIN_TIMEOUT_MS",
    default: 30_000,
    min: 100,
    max: 600_000,
    unit: "ms",
    sentence: "Time from the upgrade to the first join; a connection without one is closed with 1008.",
  },
  // 2 ms: half the CPU per delivery at 2,000 messages a second and reader, and a 99th percentile below 4 ms.
  flushIntervalMs: {
    kind: "integer",
    flag: "--flush-interval-ms",
    env: "FLUSH_INTERVAL_MS",
    default: 2,
    min: 0,
    max: 1000,
    unit: "ms",
    sentence: "The least time between two writes to one connection while messages come fast; 0 writes at every turn.",
  },
  // Below the 60 s and 4 min after which common proxies and load balancers drop a silent connection.
  sweepIntervalMs: {
    kind: "integer",
    flag: "--sweep-interval-ms",
    env: "SWEEP_INTERVAL_MS",
    default: 30_000,
    min: 100,
    max: 600_000,
    unit: "ms",
    sentence: "A connection that is silent for one and a half times this, though it was pinged, is cut off.",
  },
  // Common proxies end a connection after 30 s of silence: a ping every 30 s races with that.
  pingIntervalMs: {
    kind: "integer",
    flag: "--ping-interval-ms",
    env: "PING_INTERVAL_MS",
    default: 25_000,
    min: 100,
    max: 600_000,
    unit: "ms",
    sentence: "How often every connection is pinged; no more than SWEEP_INTERVAL_MS.",
  },
  statsIntervalMs: {
    kind: "integer",
    flag: "--stats-interval-ms",
    env: "STATS_INTERVAL_MS",
    default: 300_000,
    min: 100,
    max: 86_400_000,
    unit: "ms",
    sentence: "How often topic statistics are logged.",
  },
  // Below the 10 s after which `docker stop` kills.
  drainTimeoutMs: {
    kind: "integer",
    flag: "--drain-timeout-ms",
    env: "DRAIN_TIMEOUT_MS",
    default: 8000,
    min: 0,
    max: 600_000,
    unit: "ms",
    sentence:
      "Time for connections to take what is queued and to close, on a planned stop or when the relay closes one.",
  },
} as const;

type Options = typeof startOptions &
  typeof certificateOptions &
  typeof dialectOptions &
  typeof accountOptions &
  typeof mailboxOptions &
  typeof accessOptions &
  typeof serviceOptions &
  typeof limitOptions &
  typeof httpOptions &
  typeof stunOptions &
  typeof observabilityOptions;

/** The name of an option in code. */
export type OptionName = keyof Options;

/** The type of an option's value: a choice is one of its words. */
type ValueOf<O> = O extends { readonly kind: "integer" }
  ? number
  : O extends { readonly kind: "boolean" }
    ? boolean
    : O extends {
          readonly kind:
            | "list"
            | "networks"
            | "origins"
            | "multiples"
            | "words"
            | "listeners"
            | "virtual-hosts"
            | "addresses";
        }
      ? readonly string[]
      : O extends { readonly choices: readonly (infer C)[] }
        ? C
        : string;

/** The options as parsed: every value is inside its range. */
export type Config = { readonly [Name in OptionName]: ValueOf<Options[Name]> };

/** Where a value came from. */
export type Source = "flag" | "variable" | "default";

/** The table's rows in order. */
export function optionRows(): readonly (readonly [OptionName, Option])[] {
  return [
    startOptions,
    certificateOptions,
    dialectOptions,
    accountOptions,
    mailboxOptions,
    accessOptions,
    serviceOptions,
    limitOptions,
    httpOptions,
    stunOptions,
    observabilityOptions,
  ].flatMap((part) => Object.entries(part)) as [OptionName, Option][];
}
