import { globSync, mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { SessionName } from "./generator/sessions/create-session.ts";
import { RELAY_NODE_FLAGS } from "./relay-options.ts";

/** What a server is started with. */
type ServerSetting = {
  readonly port: number;
  readonly keyPath: string;
  readonly certificatePath: string;
  /** A directory of its own, for configuration and whatever it writes. */
  readonly directory: string;
};

/** A program and its arguments, or what is missing to run it. */
type ServerCommand = readonly [program: string, ...programArguments: string[]];

/** What must be installed: a program on the path, an npm package, or a file, which may be named by a pattern. */
export type Need = { readonly program: string } | { readonly npmPackage: string } | { readonly file: string };

/** Something that relays messages. */
export type Contestant = {
  /** As the table and the JSON name it. */
  readonly name: string;
  readonly sessionName: SessionName;
  /** Runs always, or only with `--peers`. */
  readonly isPeer: boolean;
  /** The workloads it takes part in, by the beginnings of their ids. */
  readonly workloadPrefixes: readonly string[];
  readonly needs?: Need;
  readonly install?: string;
  readonly command: (setting: ServerSetting) => ServerCommand;
};

/** The name of the yardstick: ratios are to it. */
export const YARDSTICK = "plain ws";

/** Where Debian's libjemalloc2 puts what the image allocates with (Dockerfile). */
const JEMALLOC = "/usr/lib/*/libjemalloc.so.2";

const ALL = ["W"];
const EXCHANGES = ["W1", "W2", "W3", "W6"];

/** Readers that stall: without backpressure a server would keep what they do not read until it has no memory left. */
const STALLED = ["S"];

/** All contestants; the relay first, then the yardstick. */
export const contestants: readonly Contestant[] = [
  {
    name: "postern binary",
    sessionName: "v1-binary",
    isPeer: false,
    workloadPrefixes: [...EXCHANGES, ...STALLED],
    command: relayCommand,
  },
  {
    name: "postern json",
    sessionName: "seed-json",
    isPeer: false,
    workloadPrefixes: [...ALL, ...STALLED],
    command: relayCommand,
  },
  {
    name: "postern json + jemalloc",
    sessionName: "seed-json",
    isPeer: false,
    workloadPrefixes: ["W4"],
    needs: { file: JEMALLOC },
    install: "apt-get install libjemalloc2",
    command: (setting) => ["env", `LD_PRELOAD=${globSync(JEMALLOC)[0]}`, ...relayCommand(setting)],
  },
  {
    name: YARDSTICK,
    sessionName: "seed-json",
    isPeer: false,
    workloadPrefixes: ALL,
    command: (setting) => nodeServer("./peers/ws-server.ts", setting),
  },
  {
    name: "tls pipe",
    sessionName: "pipe",
    isPeer: false,
    workloadPrefixes: ["W3"],
    command: (setting) => nodeServer("./peers/pipe-server.ts", setting),
  },
  {
    name: "Socket.IO",
    sessionName: "socket-io",
    isPeer: true,
    workloadPrefixes: ALL,
    needs: { npmPackage: "socket.io" },
    install: "npm install --no-save socket.io",
    command: (setting) => nodeServer("./peers/socket-io-server.ts", setting),
  },
  {
    name: "nats-server",
    sessionName: "nats",
    isPeer: true,
    workloadPrefixes: ALL,
    needs: { program: "nats-server" },
    install: "apt-get install nats-server",
    command: natsCommand,
  },
  {
    name: "nginx + nchan",
    sessionName: "nchan",
    isPeer: true,
    workloadPrefixes: ALL,
    needs: { program: "nginx" },
    install: "apt-get install nginx-light libnginx-mod-nchan",
    command: nchanCommand,
  },
  {
    name: "mosquitto",
    sessionName: "mqtt",
    isPeer: true,
    workloadPrefixes: ALL,
    needs: { program: "mosquitto" },
    install: "apt-get install mosquitto",
    command: mosquittoCommand,
  },
];

/** Whether an npm package can be imported from here. */
export function isPackageThere(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name);
    return true;
  } catch {
    return false;
  }
}

function relayCommand(setting: ServerSetting): ServerCommand {
  return nodeServer("./relay-server.ts", setting, RELAY_NODE_FLAGS);
}

function nodeServer(
  specifier: string,
  { port, keyPath, certificatePath }: ServerSetting,
  nodeFlags: readonly string[] = [],
): ServerCommand {
  const path = new URL(specifier, import.meta.url).pathname;
  return [process.execPath, ...nodeFlags, path, String(port), keyPath, certificatePath];
}

/** WebSocket over TLS; its own port for bare NATS is on loopback too, and nobody uses it. */
function natsCommand({ port, keyPath, certificatePath, directory }: ServerSetting): ServerCommand {
  const path = writeConfiguration(
    directory,
    `host: "127.0.0.1", port: -1
websocket { host: "127.0.0.1", port: ${port}, compression: false
  tls { cert_file: "${certificatePath}", key_file: "${keyPath}" } }`,
  );
  return ["nats-server", "-c", path];
}

function mosquittoCommand({ port, keyPath, certificatePath, directory }: ServerSetting): ServerCommand {
  const path = writeConfiguration(
    directory,
    `listener ${port} 127.0.0.1
allow_anonymous true
certfile ${certificatePath}
keyfile ${keyPath}
tls_version tlsv1.3
set_tcp_nodelay true
max_queued_messages 0
max_inflight_messages 0
persistence false
log_type error
${process.getuid?.() === 0 ? "user root" : ""}`,
  );
  return ["mosquitto", "-c", path];
}

/**
 * One worker; every path `/a/b` publishes to channel a and subscribes to channel b. More messages are kept than any
 * workload has under way: with none kept nchan answers 500 when 64 KiB messages come fast.
 */
function nchanCommand({ port, keyPath, certificatePath, directory }: ServerSetting): ServerCommand {
  mkdirSync(join(directory, "logs"), { recursive: true });
  const path = writeConfiguration(
    directory,
    `load_module /usr/lib/nginx/modules/ngx_nchan_module.so;
daemon off; worker_processes 1; pid ${directory}/nginx.pid; error_log ${directory}/logs/error.log error;
${process.getuid?.() === 0 ? "user root;" : ""}
worker_rlimit_nofile 20000;
events { worker_connections 8192; }
http { access_log off; tcp_nodelay on; client_body_temp_path ${directory}/body; proxy_temp_path ${directory}/proxy;
  fastcgi_temp_path ${directory}/fastcgi; uwsgi_temp_path ${directory}/uwsgi; scgi_temp_path ${directory}/scgi;
  nchan_shared_memory_size 256M;
  server { listen 127.0.0.1:${port} ssl; server_name localhost;
    ssl_certificate ${certificatePath}; ssl_certificate_key ${keyPath}; ssl_protocols TLSv1.3;
    client_max_body_size 16m;
    location ~ ^/(\\w+)/(\\w+)$ {
      nchan_pubsub websocket; nchan_publisher_channel_id $1; nchan_subscriber_channel_id $2;
      nchan_message_buffer_length 1024; nchan_message_timeout 10s; nchan_subscriber_first_message newest; nchan_channel_group bench; } } }`,
  );
  return ["nginx", "-p", directory, "-c", path];
}

function writeConfiguration(directory: string, text: string): string {
  const path = join(directory, "configuration");
  writeFileSync(path, `${text}\n`);
  return path;
}
