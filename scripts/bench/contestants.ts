import { globSync } from "node:fs";
import type { SessionName } from "./generator/sessions/create-session.ts";
import { isThere, type Need, programPath } from "./needs.ts";
import {
  centrifugoCommand,
  derperCommand,
  irohCommand,
  mosquittoCommand,
  natsCommand,
  natsJetStreamCommand,
  nchanCommand,
} from "./peers/commands.ts";
import type { ServerCommand, ServerSetting } from "./server-command.ts";
import type { Workload } from "./workload.ts";

/** Something that relays messages. */
export type Contestant = {
  /** As the table and the JSON name it. */
  readonly name: string;
  readonly sessionName: SessionName;
  /** Runs always, or only with `--peers`. */
  readonly isPeer: boolean;
  /** Whether it is this relay, of which two builds can be compared. */
  readonly isRelay: boolean;
  /** Whether ratios are to it, in the workloads that it takes part in: one in each, which always runs. */
  readonly isYardstick: boolean;
  /** The workloads it takes part in, by the beginnings of their ids. */
  readonly workloadPrefixes: readonly string[];
  readonly needs?: readonly Need[];
  readonly install?: string;
  readonly command: (setting: ServerSetting) => ServerCommand;
};

/** What the rate of deposits is compared with: a server that commits each message by itself. */
export const COMMIT_PER_MESSAGE = "a commit per message";
/** And one that stores as durably, of those that a user would pick. */
export const JETSTREAM = "NATS JetStream";

/** Where Debian's libjemalloc2 puts what the image allocates with (Dockerfile). */
const JEMALLOC = "/usr/lib/*/libjemalloc.so.2";

const ALL = ["W"];
const EXCHANGES = ["W1", "W2", "W3", "W6"];
/** What relays can take part in that know pairs and no topics. */
const PAIRWISE = ["W3", "W4", "W5", "W6"];
/** Growth of what every relay has; G1 wants several topics on one connection. */
const GROWTH = ["G2", "G3", "G4", "G5"];

/** Readers that stall: without backpressure a server would keep what they do not read until it has no memory left. */
const STALLED = ["S"];

/** What servers that store messages take part in. */
const STORES = ["M1", "M3"];

/** A relay that has to take registrations meanwhile. */
const REGISTERING = ["R"];

/** Broadcasts in a mesh. */
const MESHES = ["B"];

const RELAY = { isPeer: false, isRelay: true, isYardstick: false, command: relayCommand } as const;
const PEER = { isPeer: true, isRelay: false, isYardstick: false } as const;
const YARDSTICK = { isPeer: false, isRelay: false, isYardstick: true } as const;

/** All contestants; the relay first, then the yardsticks. */
export const contestants: readonly Contestant[] = [
  {
    ...RELAY,
    name: "postern binary",
    sessionName: "v1-binary",
    workloadPrefixes: [...EXCHANGES, ...STALLED, "M4", "G1", "G2", "G3"],
  },
  {
    ...RELAY,
    name: "postern raw",
    sessionName: "raw",
    workloadPrefixes: EXCHANGES,
  },
  {
    ...RELAY,
    name: "postern json",
    sessionName: "classic-json",
    workloadPrefixes: [...ALL, ...STALLED, ...REGISTERING, ...GROWTH],
  },
  {
    ...RELAY,
    name: "postern json topic-first",
    sessionName: "classic-json-topic-first",
    workloadPrefixes: [...EXCHANGES, ...STALLED],
  },
  {
    ...RELAY,
    name: "postern json + jemalloc",
    sessionName: "classic-json",
    workloadPrefixes: ["W4"],
    needs: [{ file: JEMALLOC }],
    install: "apt-get install libjemalloc2",
    command: (setting) => ["env", `LD_PRELOAD=${globSync(JEMALLOC)[0]}`, ...relayCommand(setting)],
  },
  { ...RELAY, name: "postern mailbox", sessionName: "v1-mailbox", workloadPrefixes: [...STORES, "M2"] },
  {
    ...RELAY,
    name: "postern mesh",
    sessionName: "mesh",
    workloadPrefixes: MESHES,
  },
  {
    ...YARDSTICK,
    name: "plain ws",
    sessionName: "classic-json",
    workloadPrefixes: [...ALL, ...GROWTH],
    command: (setting) => scriptServer("./peers/ws-server.ts", setting),
  },
  {
    ...YARDSTICK,
    name: "plain mesh",
    sessionName: "mesh",
    workloadPrefixes: MESHES,
    command: (setting) => scriptServer("./peers/mesh-server.ts", setting),
  },
  {
    name: "tls pipe",
    sessionName: "pipe",
    isPeer: false,
    isRelay: false,
    isYardstick: false,
    workloadPrefixes: ["W3"],
    command: (setting) => scriptServer("./peers/pipe-server.ts", setting),
  },
  {
    ...YARDSTICK,
    name: COMMIT_PER_MESSAGE,
    sessionName: "v1-mailbox",
    workloadPrefixes: STORES,
    command: (setting) => scriptServer("./peers/commit-server.ts", setting),
  },
  {
    ...PEER,
    name: "Socket.IO",
    sessionName: "socket-io",
    workloadPrefixes: ALL,
    needs: [{ npmPackage: "socket.io" }],
    install: "npm install --prefix $PEERS socket.io",
    command: (setting) => scriptServer("./peers/socket-io-server.ts", setting),
  },
  {
    ...PEER,
    // It comes with Bun, whose WebSocket server it is.
    name: "uWebSockets",
    sessionName: "classic-json",
    workloadPrefixes: ALL,
    needs: [{ program: "bun" }],
    install: "npm install --prefix $PEERS bun",
    command: (setting) => scriptServer("./peers/uwebsockets-server.ts", setting, programPath("bun")),
  },
  {
    ...PEER,
    name: "Centrifugo",
    sessionName: "centrifugo",
    workloadPrefixes: ALL,
    needs: [{ program: "centrifugo" }],
    install: "go install github.com/centrifugal/centrifugo/v6@latest",
    command: centrifugoCommand,
  },
  {
    ...PEER,
    name: "nats-server",
    sessionName: "nats",
    workloadPrefixes: ALL,
    needs: [{ program: "nats-server" }],
    install: "go install github.com/nats-io/nats-server/v2@latest",
    command: natsCommand,
  },
  {
    ...PEER,
    // Of 2.10 and later: those before cannot be told to sync before they answer.
    name: JETSTREAM,
    sessionName: "nats-jetstream",
    workloadPrefixes: STORES,
    needs: [{ program: "nats-server" }],
    install: "go install github.com/nats-io/nats-server/v2@latest",
    command: natsJetStreamCommand,
  },
  {
    ...PEER,
    name: "nginx + nchan",
    sessionName: "nchan",
    workloadPrefixes: ALL,
    needs: [{ program: "nginx" }],
    install: "apt-get install nginx-light libnginx-mod-nchan",
    command: nchanCommand,
  },
  {
    ...PEER,
    name: "mosquitto",
    sessionName: "mqtt",
    workloadPrefixes: ALL,
    needs: [{ program: "mosquitto" }],
    install: "apt-get install mosquitto",
    command: mosquittoCommand,
  },
  {
    ...PEER,
    name: "derper",
    sessionName: "derp",
    workloadPrefixes: PAIRWISE,
    needs: [{ program: "derper" }, { npmPackage: "@noble/ciphers/salsa.js" }],
    install: "go install tailscale.com/cmd/derper@latest; npm install --prefix $PEERS @noble/ciphers",
    command: derperCommand,
  },
  {
    ...PEER,
    name: "iroh-relay",
    sessionName: "iroh",
    workloadPrefixes: PAIRWISE,
    needs: [{ program: "iroh-relay" }, { npmPackage: "@noble/hashes/blake3.js" }],
    install: "cargo install --root $PEERS iroh-relay --features server; npm install --prefix $PEERS @noble/hashes",
    command: irohCommand,
  },
];

/** Why a contestant cannot take part on this machine; undefined where it can. */
export function whatIsMissing({ name, needs = [], install }: Contestant): string | undefined {
  return needs.every(isThere) ? undefined : `${name} is not installed (${install})`;
}

/** Those of them that take part in a workload. */
export function contestantsOf(workload: Workload, candidates: readonly Contestant[]): readonly Contestant[] {
  return candidates.filter(({ workloadPrefixes }) => workloadPrefixes.some((prefix) => workload.id.startsWith(prefix)));
}

/** As it is packed, with all its defaults but for where it listens and the certificate. */
function relayCommand({ port, keyPath, certificatePath, relayProgram }: ServerSetting): ServerCommand {
  const files = ["--tls", "files", "--tls-key-file", keyPath, "--tls-cert-file", certificatePath];
  return [relayProgram, "serve", "--port", String(port), "--host", "127.0.0.1", ...files];
}

function scriptServer(
  specifier: string,
  { port, keyPath, certificatePath }: ServerSetting,
  runtime: string = process.execPath,
): ServerCommand {
  const path = new URL(specifier, import.meta.url).pathname;
  return [runtime, path, String(port), keyPath, certificatePath];
}
