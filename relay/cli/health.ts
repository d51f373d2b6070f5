import { connect, type Socket } from "node:net";
import type { Config, Source } from "../config/options.ts";
import { readOptions } from "../config/read-options.ts";
import { clientHello, isServerHello } from "./client-hello.ts";
import { ExitCode, type Terminal } from "./terminal.ts";

const TIMEOUT_MS = 3000;
/** What a relay takes for 443 where that is not permitted and nobody chose it: relay/http/listener.ts. */
const UNPRIVILEGED_PORT = 8443;
const REQUEST = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
/** The PROXY protocol, version 1, section 2.1: this connection is nobody else's. */
const PROXY_HEADER = "PROXY UNKNOWN\r\n";
/** Nothing that is looked at is longer. */
const MAX_ANSWER_BYTES = 64;

/** The options that say where a relay listens. */
const names = ["port", "host", "tls", "trustedProxies", "proxyProtocol", "adminPort", "adminHost"] as const;

/** What is known of a relay: these options, and where they came from. */
type Known = {
  readonly config: Pick<Config, (typeof names)[number]>;
  readonly sources: { readonly port: Source };
};

/** Where the relay may be asked, and how. */
type Door = {
  readonly host: string;
  readonly port: number;
  readonly isTls: boolean;
  /** The networks from which a connection has to begin with a PROXY header there. */
  readonly headerFrom: readonly string[];
};

/** `health` for a command line that holds nothing else: it reads the options that it needs and no other. */
export async function healthByVariables(terminal: Terminal): Promise<ExitCode> {
  // The exit code says it all, also to who does not read.
  terminal.stdout.on("error", () => undefined);
  const { whole, sources, problems } = readOptions({ flags: {}, env: terminal.env }, names);
  if (whole !== undefined) return health({ config: whole, sources }, terminal);
  terminal.stderr.write(`postern: ${problems.join("\n")}\n`);
  return ExitCode.usage;
}

/**
 * Asks the relay on this machine that has these options whether it answers: `/health` on the admin port where there is one,
 * else on its own. With TLS it takes the first word of a handshake for the answer. All by hand, because what Node has for
 * HTTP and TLS costs more to load than Node itself to start, and this runs twice a minute.
 * @returns 1 where there is no answer, or another than 200, in 3 s.
 */
export async function health(known: Known, { stdout }: Terminal): Promise<ExitCode> {
  let outcome = "PORT is 0, so nobody can tell where the relay listens";
  for (const door of doorsOf(known)) {
    outcome = await ask(door);
    if (outcome === "answers") {
      stdout.write("healthy\n");
      return ExitCode.success;
    }
    // Only where nobody listens may it be the next door.
    if (outcome !== "ECONNREFUSED") break;
  }
  stdout.write(`unhealthy: ${outcome}\n`);
  return ExitCode.failed;
}

function doorsOf({ config, sources }: Known): readonly Door[] {
  if (config.adminPort !== 0) {
    return hostsOf(config.adminHost).map((host) => {
      return { host, port: config.adminPort, isTls: false, headerFrom: [] };
    });
  }
  const headerFrom = config.proxyProtocol ? config.trustedProxies : [];
  const ports = sources.port === "default" && config.tls !== "acme" ? [config.port, UNPRIVILEGED_PORT] : [config.port];
  return ports
    .filter((port) => port !== 0)
    .flatMap((port) => hostsOf(config.host).map((host) => ({ host, port, isTls: config.tls !== "off", headerFrom })));
}

function hostsOf(host: string): readonly string[] {
  if (host === "0.0.0.0") return ["127.0.0.1"];
  return host === "::" ? ["127.0.0.1", "::1"] : [host];
}

/** @returns "answers", or what is wrong. */
async function ask(door: Door): Promise<string> {
  const { host, port, isTls } = door;
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = connect({ host, port });
  socket.setTimeout(TIMEOUT_MS, () => resolve(`no answer in ${TIMEOUT_MS} ms`));
  socket.on("error", ({ message, code }: NodeJS.ErrnoException) => resolve(code ?? message));
  socket.on("close", () => resolve("closed without an answer"));
  socket.once("connect", () => {
    readAnswer(socket, isTls ? readServerHello : readStatus, resolve);
    void begin(socket, door);
  });
  const outcome = await promise;
  socket.destroy();
  return outcome;
}

async function begin(socket: Socket, { isTls, headerFrom }: Door): Promise<void> {
  if (await isTrusted(socket, headerFrom)) socket.write(PROXY_HEADER);
  socket.write(isTls ? clientHello() : REQUEST);
}

/** Whether the relay takes this connection for one of its proxies. */
async function isTrusted({ localAddress = "" }: Socket, networks: readonly string[]): Promise<boolean> {
  if (networks.length === 0) return false;
  const { Networks, plainAddress } = await import("../limits/address.ts");
  return new Networks(networks).has(plainAddress(localAddress) ?? localAddress);
}

type Read = (bytes: Buffer) => string | undefined;

function readAnswer(socket: Socket, read: Read, resolve: (outcome: string) => void): void {
  let bytes = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]).subarray(0, MAX_ANSWER_BYTES);
    const outcome = read(bytes);
    if (outcome !== undefined) resolve(outcome);
  });
  socket.on("end", () => resolve("closed without an answer"));
}

/** RFC 9112 section 4: the status line. Undefined while more of it has to come. */
function readStatus(bytes: Buffer): string | undefined {
  const text = bytes.toString("latin1");
  const [, status] = /^HTTP\/1\.1 (\d{3}) /.exec(text) ?? [];
  if (status !== undefined) return status === "200" ? "answers" : `status ${status}`;
  return bytes.length < "HTTP/1.1 200 ".length ? undefined : "its answer is no HTTP";
}

function readServerHello(bytes: Buffer): string | undefined {
  const isHello = isServerHello(bytes);
  if (isHello === undefined) return undefined;
  return isHello ? "answers" : "its answer is no TLS";
}
