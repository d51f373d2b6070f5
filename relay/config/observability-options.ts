/** The rows of the options' table about seeing what the relay does: who may look, and what is written down. */
export const observabilityOptions = {
  adminToken: {
    kind: "secret",
    flag: undefined,
    env: "ADMIN_TOKEN",
    default: "",
    sentence:
      "Gives access to /metrics, /status and the details of /stats. Without it and ADMIN_PORT, nobody sees them.",
  },
  adminPort: {
    kind: "integer",
    flag: "--admin-port",
    env: "ADMIN_PORT",
    default: 0,
    min: 0,
    max: 65_535,
    unit: "",
    sentence:
      "A second port, in plain HTTP, for /metrics, /status and the details of /stats, which the first one then does not have. 0 opens none.",
  },
  // Loopback: without ADMIN_TOKEN whoever reaches this port may look, and drain.
  adminHost: {
    kind: "host",
    flag: "--admin-host",
    env: "ADMIN_HOST",
    default: "127.0.0.1",
    sentence: "Address of ADMIN_PORT. Any but loopback needs the variable ADMIN_TOKEN.",
  },
  // Off: its lines hold client addresses, which nobody should keep without having meant to.
  accessLog: {
    kind: "choice",
    flag: "--access-log",
    env: "ACCESS_LOG",
    default: "off",
    choices: ["off", "sample", "all"],
    sentence: "Log connect, refuse, join, leave and close, with client addresses: of all connections, or of a sample.",
  },
  accessLogSampleOneIn: {
    kind: "integer",
    flag: "--access-log-sample-one-in",
    env: "ACCESS_LOG_SAMPLE_ONE_IN",
    default: 100,
    min: 1,
    max: 1_000_000,
    unit: "",
    sentence: "With ACCESS_LOG=sample: one connection in this many is logged, from connect to close.",
  },
  // A stranger who is refused over and over must not fill the disk.
  accessLogLinesPerSecond: {
    kind: "integer",
    flag: "--access-log-lines-per-second",
    env: "ACCESS_LOG_LINES_PER_SECOND",
    default: 1000,
    min: 1,
    max: 1_000_000,
    unit: "lines",
    sentence: "The most that the access log writes in a second; the rest is counted.",
  },
} as const;
