/** The rows of the options' table about dialects that keep accounts: `agent` and `mesh`. */
export const accountOptions = {
  accountStore: {
    kind: "choice",
    flag: "--account-store",
    env: "ACCOUNT_STORE",
    default: "directory",
    choices: ["directory", "memory"],
    sentence:
      "Where registrations of agents and meshes are kept: in STATE_DIRECTORY, in its folder accounts, or in memory, where they end with the process.",
  },
  // With what is kept of one, 5 MB in memory.
  maxAgents: {
    kind: "integer",
    flag: "--max-agents",
    env: "MAX_AGENTS",
    default: 10_000,
    min: 1,
    max: 1_000_000,
    unit: "agents",
    sentence: "Agents that may be registered; a further registration gets 503.",
  },
  // An office is one network; who floods has few of them.
  agentRegistrationsPerHour: {
    kind: "integer",
    flag: "--agent-registrations-per-hour",
    env: "AGENT_REGISTRATIONS_PER_HOUR",
    default: 60,
    min: 0,
    max: 1_000_000,
    unit: "registrations",
    sentence:
      "Agents that one network (IPv4 /24, IPv6 /64) may register in an hour; a further one gets 429. 0: no limit.",
  },
  agentRatePerMinute: {
    kind: "integer",
    flag: "--agent-rate-per-minute",
    env: "AGENT_RATE_PER_MINUTE",
    originalEnv: "RATE_LIMIT_PER_MIN",
    originalDialect: "agent",
    default: 0,
    min: 0,
    max: 1_000_000,
    unit: "messages",
    sentence:
      "Messages that one agent may send in a minute, by all of its connections; above it they are read no faster. 0: no limit.",
  },
  agentRatePerHour: {
    kind: "integer",
    flag: "--agent-rate-per-hour",
    env: "AGENT_RATE_PER_HOUR",
    originalEnv: "RATE_LIMIT_PER_HOUR",
    originalDialect: "agent",
    default: 0,
    min: 0,
    max: 10_000_000,
    unit: "messages",
    sentence: "The same in an hour.",
  },
  // What the original's pages tell its clients.
  agentMaxMessageBytes: {
    kind: "integer",
    flag: "--agent-max-message-bytes",
    env: "AGENT_MAX_MESSAGE_BYTES",
    default: 65_536,
    min: 1024,
    max: 4_194_304,
    unit: "bytes",
    sentence: "The largest message taken from an agent; a larger one closes it with 1009.",
  },
  agentTokenDays: {
    kind: "integer",
    flag: "--agent-token-days",
    env: "AGENT_TOKEN_DAYS",
    default: 0,
    min: 0,
    max: 36_500,
    unit: "days",
    sentence: "How long the token of a registration is good; after that the agent's id is free again. 0: for ever.",
  },
  maxMeshes: {
    kind: "integer",
    flag: "--max-meshes",
    env: "MAX_MESHES",
    default: 1000,
    min: 1,
    max: 100_000,
    unit: "meshes",
    sentence: "Meshes that may be registered; a further founder is refused with 1013.",
  },
  meshRegistrationsPerHour: {
    kind: "integer",
    flag: "--mesh-registrations-per-hour",
    env: "MESH_REGISTRATIONS_PER_HOUR",
    default: 60,
    min: 0,
    max: 1_000_000,
    unit: "registrations",
    sentence:
      "Meshes that one network (IPv4 /24, IPv6 /64) may register in an hour; a further one is refused with 1013. 0: no limit.",
  },
  // A node that comes and goes every two seconds: the clients of the mesh wait longer than that before they dial again.
  meshJoinsPerMinute: {
    kind: "integer",
    flag: "--mesh-joins-per-minute",
    env: "MESH_JOINS_PER_MINUTE",
    default: 30,
    min: 0,
    max: 1_000_000,
    unit: "joins",
    sentence:
      "Joins of a mesh under one node id in a minute; a further one is refused with 1013, and replaces nobody. 0: no limit.",
  },
} as const;
