import { Writable } from "node:stream";
import { onTestFinished } from "vitest";
import { type Clock, systemClock } from "../../relay/clock.ts";
import { loadConfig } from "../../relay/config/load.ts";
import type { Config } from "../../relay/config/options.ts";
import type { RelayFigures } from "../../relay/http/routes.ts";
import { createLogger } from "../../relay/observability/logger.ts";
import { createRelay, type RelayParts } from "../../relay/relay.ts";
import { SelfSignedSource } from "../../relay/tls/self-signed-source.ts";
import { MemoryCertificateStore } from "./memory-certificate-store.ts";
import { shareSelfSigned } from "./shared-certificate.ts";

/** A relay that runs in this process, on a free port of loopback. */
export type TestRelay = {
  /** `wss://` or `ws://`, without a path. */
  readonly url: string;
  readonly port: number;
  /** PEM to trust; undefined without TLS. */
  readonly certificate: string | undefined;
  /** Log lines so far, as JSON objects. */
  readonly logLines: () => readonly Record<string, unknown>[];
  readonly figures: () => RelayFigures;
  /** Reads keys and revocations again. */
  readonly reload: () => Promise<void>;
  readonly stop: () => Promise<void>;
};

/** Starts a relay that stops when the test does. Over TLS unless `tls` is off. */
export async function startRelay(
  overrides: Partial<Config> = {},
  clock: Clock = systemClock,
  parts: Pick<RelayParts, "createDialects" | "onDrainRequested" | "keyStore"> = {},
): Promise<TestRelay> {
  const config: Config = {
    ...loadConfig({ flags: {}, env: {} }).config,
    host: "127.0.0.1",
    port: 0,
    logLevel: "debug",
    drainTimeoutMs: 500,
    ...overrides,
  };
  const written: string[] = [];
  const log = createLogger(config.logLevel, collector(written));
  const names = ["localhost", "127.0.0.1", "::1"];
  const source =
    config.tls === "self-signed" ? new SelfSignedSource({ clock, create: shareSelfSigned }, { names }) : undefined;
  const relay = createRelay(config, {
    log,
    clock,
    isPortChosen: true,
    // Not in this machine's own directory.
    keyStore: new MemoryCertificateStore(),
    ...parts,
    ...(source === undefined ? {} : { source }),
  });
  const { port, certificate } = await relay.start();
  let stopped: Promise<void> | undefined;
  const stop = () => (stopped ??= relay.stop());
  onTestFinished(stop);
  return {
    url: `${config.tls === "off" ? "ws" : "wss"}://localhost:${port}`,
    port,
    certificate,
    logLines: () => written.map((line) => JSON.parse(line) as Record<string, unknown>),
    figures: () => relay.figures(),
    reload: () => relay.reload(),
    stop,
  };
}

/** A stream that keeps what is written to it. */
export function collector(into: string[]): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      into.push(chunk.toString());
      done();
    },
  });
}
