/** `postern/testing`: a relay for the tests of an app. */

import { loadConfig } from "./config/load.ts";
import { createLogger } from "./observability/logger.ts";
import { createRelay } from "./relay.ts";

/** How a relay for tests is started. */
export type TestRelayOptions = {
  /** False: plain `ws:`, and no certificate. */
  readonly tls?: boolean | undefined;
  /** 0..65535; left out or 0: a free one. Pass that of a relay that was stopped to try what your app does when it comes back. */
  readonly port?: number | undefined;
};

/** A relay that runs in this process, on loopback alone. */
export interface TestRelay extends AsyncDisposable {
  /** `wss://127.0.0.1:PORT`, or `ws:` without TLS. */
  readonly url: string;
  readonly port: number;
  /** PEM, new for each relay, good for `localhost` and `127.0.0.1`: pass it as `tls.ca`. Undefined without TLS. */
  readonly certificate: string | undefined;
  /** Its SHA-256, in hex with colons: pass it as `tls.fingerprint`. Undefined without TLS. */
  readonly fingerprint: string | undefined;
  /** Stops as an operator's relay does: tells its clients, and closes what is still open half a second later. */
  stop(): Promise<void>;
}

/**
 * Starts a relay for the tests of an app: it writes no log, reads no variable, lets everybody in, and keeps nothing.
 * @throws RelayError where the port cannot be had.
 */
export async function startTestRelay({ tls = true, port = 0 }: TestRelayOptions = {}): Promise<TestRelay> {
  const { config } = loadConfig({ flags: {}, env: {} });
  const relay = createRelay(
    { ...config, host: "127.0.0.1", port, tls: tls ? "self-signed" : "off", logLevel: "silent", drainTimeoutMs: 500 },
    { log: createLogger("silent"), isPortChosen: true },
  );
  const address = await relay.start();
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopped ??= relay.stop());
  return {
    url: `${tls ? "wss" : "ws"}://127.0.0.1:${address.port}`,
    port: address.port,
    certificate: address.certificate,
    fingerprint: address.fingerprint,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
