import { BlockList, isIP } from "node:net";
import type { LoadedConfig } from "../config/load.ts";
import type { Config } from "../config/options.ts";
import { PRIVILEGED_PORT_WAYS } from "../http/listener.ts";
import { memoryBoundBytes } from "../limits/memory-bound.ts";
import { createLogger } from "../observability/logger.ts";
import type { RelayAddress } from "../open-port.ts";
import { createRelay } from "../relay.ts";
import type { CertificateStatus } from "../tls/source.ts";
import { VERSION } from "../version.ts";
import { ExitCode, type Terminal } from "./terminal.ts";

const MEBIBYTE = 1_048_576;

/**
 * Runs the relay until a signal, then drains. A second signal ends at once.
 * @throws RelayError where it cannot start.
 */
export async function serve({ config, sources }: LoadedConfig, terminal: Terminal): Promise<ExitCode> {
  const log = createLogger(config.logLevel, terminal.stdout);
  // Before the start: a signal that comes while the port opens must drain too.
  const signals = new Signals(terminal);
  const onDrainRequested = (): void => signals.request();
  const relay = createRelay(config, { log, isPortChosen: sources.port !== "default", onDrainRequested });
  const reload = (): void => void relay.reload();
  // Only where there is something to read again: else a terminal that goes away takes its relay along, as ever.
  if (config.auth === "tokens") terminal.signals.on("SIGHUP", reload);
  const address = await relay.start();
  const { port, fingerprint } = address;
  const { environment, host } = config;
  const memoryBoundMiB = Math.ceil(memoryBoundBytes(config) / MEBIBYTE);
  log.info({ version: VERSION, environment, host, port, fingerprint, memoryBoundMiB }, "listening");
  if (config.port !== 0 && port !== config.port) {
    log.warn({ wanted: config.port, port }, "port not permitted: listening on another");
  }
  if (config.tls === "self-signed" && config.environment.startsWith("prod")) {
    log.warn("serving a self-signed development certificate in production");
  }
  if (config.tls === "off" && isPublic(config.host)) {
    log.warn({ host: config.host }, "serving without TLS on a public address: only a proxy may reach this port");
  }
  if (config.auth === "tokens" && config.authJwksUrl !== "" && config.authAudience === "") {
    log.warn("taking tokens for every audience: set AUTH_AUDIENCE where the issuer serves others too");
  }
  if (!config.environment.startsWith("prod")) terminal.stderr.write(startUpHints(config, address, relay.certificate()));

  const first = await signals.next();
  log.info({ signal: first, drainTimeoutMs: config.drainTimeoutMs }, "draining");
  const outcome = await Promise.race([relay.stop(), signals.next()]);
  signals.release();
  terminal.signals.removeListener("SIGHUP", reload);
  if (outcome === undefined) {
    log.info("stopped");
    return ExitCode.success;
  }
  log.warn({ signal: outcome }, "stopped by a second signal");
  return outcome === "SIGINT" ? ExitCode.secondSigint : ExitCode.secondSigterm;
}

type StopSignal = "SIGTERM" | "SIGINT";

/** The stop signals in the order they come, kept until they are asked for. */
class Signals {
  readonly #emitter: Terminal["signals"];
  readonly #came: StopSignal[] = [];
  #wake: (() => void) | undefined;
  #isRequested = false;
  readonly #onSigterm = () => this.#take("SIGTERM");
  readonly #onSigint = () => this.#take("SIGINT");

  constructor({ signals }: Terminal) {
    this.#emitter = signals;
    signals.on("SIGTERM", this.#onSigterm);
    signals.on("SIGINT", this.#onSigint);
  }

  async next(): Promise<StopSignal> {
    for (;;) {
      const signal = this.#came.shift();
      if (signal !== undefined) return signal;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** As if a stop signal had come, once: whoever asks twice means the same stop. */
  request(): void {
    if (!this.#isRequested) this.#take("SIGTERM");
    this.#isRequested = true;
  }

  release(): void {
    this.#emitter.removeListener("SIGTERM", this.#onSigterm);
    this.#emitter.removeListener("SIGINT", this.#onSigint);
  }

  #take(signal: StopSignal): void {
    this.#came.push(signal);
    this.#wake?.();
  }
}

/** RFC 6890: loopback, link-local and private addresses; everything else, and every wildcard, may be reached from outside. */
function isPublic(host: string): boolean {
  const inside = new BlockList();
  for (const [network, prefix] of [
    ["127.0.0.0", 8],
    ["10.0.0.0", 8],
    ["172.16.0.0", 12],
    ["192.168.0.0", 16],
    ["169.254.0.0", 16],
  ] as const) {
    inside.addSubnet(network, prefix, "ipv4");
  }
  for (const [network, prefix] of [
    ["::1", 128],
    ["fc00::", 7],
    ["fe80::", 10],
  ] as const) {
    inside.addSubnet(network, prefix, "ipv6");
  }
  const version = isIP(host);
  return version === 0 ? host !== "localhost" : !inside.check(host, version === 4 ? "ipv4" : "ipv6");
}

/** What a newcomer does next. */
function startUpHints(
  config: Config,
  { port, fingerprint }: RelayAddress,
  certificate: CertificateStatus | undefined,
): string {
  const { port: wantedPort, tls } = config;
  const shownPort = port === (tls === "off" ? 80 : 443) ? "" : `:${port}`;
  const url = `${tls === "off" ? "ws" : "wss"}://${shownHost(config)}${shownPort}`;
  const lines = ["", `  Postern relay ${VERSION} on ${url}`, ""];
  if (wantedPort !== 0 && port !== wantedPort) {
    lines.push(`  Port ${wantedPort} is not permitted for this user, so it is ${port}. To get ${wantedPort}:`);
    lines.push(...PRIVILEGED_PORT_WAYS.map((way) => `    - ${way}`), "");
  }
  if (certificate !== undefined) lines.push(...certificateHints(certificate, fingerprint ?? ""), "");
  const trust = tls === "self-signed" ? ` --fingerprint ${fingerprint}` : "";
  const token = config.auth === "tokens" ? " --token-file <path>" : "";
  lines.push(`  Memory bound with these options: ${Math.ceil(memoryBoundBytes(config) / MEBIBYTE)} MiB`, "");
  lines.push(
    "  Talk through it, in two more terminals:",
    `    npm run talk -- ${url} my-topic${trust}${token}`,
    "",
    "",
  );
  return lines.join("\n");
}

/** What to dial: a certificate of an authority is for its names alone. */
function shownHost({ tls, domain, host }: Config): string {
  const [name] = domain;
  if (tls !== "self-signed" && name !== undefined) return isIP(name) === 6 ? `[${name}]` : name;
  if (host === "0.0.0.0" || host === "::") return "localhost";
  return isIP(host) === 6 ? `[${host}]` : host;
}

function certificateHints(status: CertificateStatus, fingerprint: string): readonly string[] {
  const { source, isStandIn, names, issuer, expiresAtMs } = status;
  if (source === "self-signed") {
    return ["  Development certificate, self-signed. SHA-256 fingerprint:", `    ${fingerprint}`];
  }
  if (isStandIn) {
    return [
      `  No certificate for ${names.join(", ")} yet. It is ordered in the background; until it is there, a self-signed`,
      "  one stands in, and /ready says no-certificate. Follow it in the log, or with the same options and:",
      "    npm run postern -- cert status",
    ];
  }
  const ends = new Date(expiresAtMs).toISOString().slice(0, 10);
  return [`  Certificate for ${names.join(", ")}, issued by ${issuer}, good until ${ends}.`];
}
