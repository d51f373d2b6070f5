/** The rows of the options' table about wire protocols: which are spoken, and where. */
export const dialectOptions = {
  // Those that keep no accounts and no state. The others have to be named, so that no update opens them.
  dialects: {
    kind: "words",
    flag: "--dialects",
    env: "DIALECTS",
    default: ["topic", "raw", "pair"],
    sentence: "The wire protocols to speak; docs/protocols.md lists them with their addresses.",
  },
  listen: {
    kind: "listeners",
    flag: "--listen",
    env: "LISTEN",
    default: [],
    sentence:
      "Further ports, each only for the dialects it names: wss with the relay's certificate; ws without TLS, for this machine only unless TLS is off; ws-anywhere without TLS, for everybody.",
  },
  virtualHosts: {
    kind: "virtual-hosts",
    flag: "--virtual-hosts",
    env: "VIRTUAL_HOSTS",
    default: [],
    sentence:
      "Names that clients dial, each only for the dialects it names. The certificate must have these names too.",
  },
  // As many as may be undecided: a client that waits costs as little.
  maxWaitingPairs: {
    kind: "integer",
    flag: "--max-waiting-pairs",
    env: "MAX_WAITING_PAIRS",
    default: 1000,
    min: 1,
    max: 1_000_000,
    unit: "connections",
    sentence: "Connections of the pair dialect that may wait for their other half; more are closed with 1013.",
  },
  pairWaitTimeoutMs: {
    kind: "integer",
    flag: "--pair-wait-timeout-ms",
    env: "PAIR_WAIT_TIMEOUT_MS",
    default: 600_000,
    min: 100,
    max: 86_400_000,
    unit: "ms",
    sentence: "How long a connection of the pair dialect may wait for its other half; then it is closed with 1008.",
  },
} as const;
